// What is answered of the installation: its pause, its workers, keys, secrets, and who changed what.
import { z } from 'zod';
import { Duration } from '../../../libs/mail/input/duration';
import { ROLES } from '../../../libs/mail/settings/api-key';
import { EXAMPLE_AT, FieldChanges, NextCursor, PauseNote, Time } from './fields';

export const InstallationPause = z
  .strictObject({
    paused: z.boolean(),
    ...PauseNote.partial().shape,
    doubt: z.enum(['behind', 'empty', 'moved', 'foreign']).optional().meta({
      description: 'The service paused itself, since what Redis holds may be a backup: `POST /v1/restore` ends it.',
    }),
  })
  .meta({
    id: 'InstallationPause',
    examples: [{ paused: true, by: 'operator', at: EXAMPLE_AT, reason: 'new mail server' }],
  });

export const RestoreResult = z
  .strictObject({
    uncertain: z.int().meta({ description: 'Emails that may have been sent since, and wait for a person now.' }),
    sending: z.int().meta({ description: 'Emails that a worker has in an attempt now.' }),
  })
  .meta({ id: 'RestoreResult', examples: [{ uncertain: 25, sending: 0 }] });

const key = {
  id: z.string(),
  role: z.enum(ROLES),
  tenant: z.string().optional(),
  application: z.string().optional(),
  name: z.string().optional(),
  expiresAt: z.iso.datetime({ offset: true }).optional(),
  addresses: z.array(z.string()).optional().meta({ description: 'Where it may be used from.' }),
  rate: z.strictObject({ max: z.int(), per: Duration }).optional().meta({ description: 'Requests in a window.' }),
  smtpControl: z.boolean().optional().meta({ description: 'Its messages by SMTP may hold control fields.' }),
  issuedBy: z.string().optional().meta({
    description:
      'The key that issued it; `operator` for that of the configuration; a person as `M. Weber <m.weber@acme.example>`.',
  }),
  createdAt: Time,
};

const KEY = {
  id: '3f2a9c01b7de',
  role: 'sender' as const,
  tenant: 'acme',
  application: 'billing',
  createdAt: EXAMPLE_AT,
};

export const IssuedKey = z
  .strictObject({ ...key, key: z.string().meta({ description: 'The key itself: it is shown this once.' }) })
  .meta({ id: 'IssuedKey', examples: [{ ...KEY, key: 'rp_3f2a9c01b7de_...' }] });

const ListedKey = z
  .strictObject({
    ...key,
    lastUsedAt: Time.optional().meta({ description: 'To the minute; missing of one that never was.' }),
  })
  .meta({ id: 'ApiKey', description: 'A key without its secret.' });

export const KeyList = z
  .strictObject({ keys: z.array(ListedKey) })
  .meta({ id: 'KeyList', examples: [{ keys: [{ ...KEY, lastUsedAt: EXAMPLE_AT }] }] });

export const SigningSecret = z
  .strictObject({
    secret: z.string(),
    previous: z.strictObject({ secret: z.string(), until: Time }).optional(),
  })
  .meta({
    id: 'SigningSecret',
    description: 'What a tenant’s data sources check our requests with; `previous` holds until then, too.',
    examples: [{ secret: 'whsec_...' }],
  });

const WORKER = { id: 'worker-1', version: '0.1.0', startedAt: EXAMPLE_AT, seenAt: EXAMPLE_AT, places: 50, busy: 3 };

export const WorkerList = z
  .strictObject({
    workers: z.array(
      z.strictObject({
        id: z.string(),
        version: z.string(),
        startedAt: Time,
        seenAt: Time,
        places: z.int(),
        busy: z.int(),
      }),
    ),
  })
  .meta({
    id: 'WorkerList',
    description: '`places`: emails that a worker may have in work at once; `busy`: those that it has.',
    examples: [{ workers: [WORKER] }],
  });

const AuditEntry = z.strictObject({
  at: Time,
  by: z.string(),
  what: z.string(),
  tenant: z.string().optional(),
  application: z.string().optional(),
  target: z.string().optional(),
  reason: z.string().optional(),
  fields: FieldChanges.optional(),
});

export const AuditPage = z.strictObject({ entries: z.array(AuditEntry), nextCursor: NextCursor }).meta({
  id: 'AuditPage',
  description: 'Newest first.',
  examples: [
    {
      entries: [{ at: EXAMPLE_AT, by: 'operator', what: 'tenant put', tenant: 'acme', fields: {} }],
      nextCursor: null,
    },
  ],
});
