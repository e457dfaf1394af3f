// What is answered of tenants and queues: their settings, and what the service knows of them.
import { z } from 'zod';
import { STATES } from '../../../libs/mail/email/state';
import { Approval } from '../../../libs/mail/settings/approval-setting';
import { ArchiveTo } from '../../../libs/mail/settings/archive-to';
import { PRIORITIES, QueueSettings, TenantSettings } from '../../../libs/mail/settings/settings';
import { EXAMPLE_AT, NextCursor, PauseNote, settingsAnswered, Time } from './fields';

const Ms = z.int().min(0).meta({ description: 'Milliseconds.' });

/** The settings that hold for one email, none missing. */
export const ResolvedSettings = z
  .strictObject({
    transport: z.string(),
    from: z.string().optional(),
    replyTo: z.array(z.string()),
    attempts: z.int().min(1),
    backoff: z.strictObject({
      type: z.enum(['exponential', 'fixed']),
      delay: Ms,
      maxDelay: Ms,
      jitter: z.number(),
    }),
    expiresAfter: Ms,
    history: z.strictObject({ keep: z.boolean(), days: z.number() }),
    errors: z.strictObject({ days: z.number() }),
    log: z.enum(['none', 'attempts', 'dialogue']),
    onUncertain: z.enum(['resend', 'hold']),
    archive: z.boolean(),
    archiveTo: ArchiveTo.optional(),
    confidential: z.boolean(),
    listUnsubscribe: z.strictObject({ url: z.string().optional(), mailto: z.string().optional() }).optional(),
    priority: z.enum(PRIORITIES),
    concurrency: z.int().min(1),
    suppressions: z.enum(['honor', 'ignore']),
    approval: Approval.optional(),
    redirectTo: z.string().optional(),
    contentDays: z.number().optional(),
    dataSources: z.array(z.string()),
  })
  .meta({
    id: 'ResolvedSettings',
    description:
      'The settings that hold now: defaults, tenant, queue and email together. Durations are in milliseconds here.',
  });

const TENANT = { tenant: 'acme', enabled: true, createdAt: EXAMPLE_AT, updatedAt: EXAMPLE_AT };

export const TenantDetails = z
  .strictObject({
    tenant: z.string(),
    ...settingsAnswered(TenantSettings.shape),
    enabled: z.boolean(),
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({
    id: 'TenantDetails',
    examples: [TENANT],
  });

export const TenantPage = z
  .strictObject({ tenants: z.array(TenantDetails), nextCursor: NextCursor })
  .meta({ id: 'TenantPage', examples: [{ tenants: [TENANT], nextCursor: null }] });

const Count = z.int().min(0);

const QUEUE = {
  tenant: 'acme',
  application: 'billing',
  from: 'Acme Billing <billing@acme.example>',
  enabled: true,
  paused: false,
  counts: Object.fromEntries(STATES.map((state) => [state, 0])),
  contentBytes: 0,
  breaker: 'closed' as const,
  createdAt: EXAMPLE_AT,
  updatedAt: EXAMPLE_AT,
};

const Archiving = z.strictObject({
  waiting: Count.meta({ description: 'Messages that were sent and that the archive has not taken yet.' }),
  failingSince: Time.optional().meta({ description: 'It has taken nothing since then.' }),
  takenAt: Time.optional().meta({ description: 'When it last took something.' }),
  error: z
    .string()
    .optional()
    .meta({ description: 'Why it did not take what it was handed last, while something waits.' }),
});

export const QueueDetails = z
  .strictObject({
    tenant: z.string(),
    application: z.string(),
    ...settingsAnswered(QueueSettings.shape),
    enabled: z.boolean(),
    paused: z.boolean(),
    pause: PauseNote.optional(),
    counts: z.strictObject(Object.fromEntries(STATES.map((state) => [state, Count]))),
    contentBytes: Count,
    oldestDueAt: Time.optional().meta({ description: 'When the oldest email that is due was accepted.' }),
    breaker: z.enum(['closed', 'open', 'recovering']),
    archiving: Archiving.optional().meta({ description: 'Where the queue has an archive, or messages wait for it.' }),
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({
    id: 'QueueDetails',
    description: 'A queue: its settings, and what it holds at this moment.',
    examples: [QUEUE],
  });

export const QueuePage = z
  .strictObject({ queues: z.array(QueueDetails), nextCursor: NextCursor })
  .meta({ id: 'QueuePage', examples: [{ queues: [QUEUE], nextCursor: null }] });
