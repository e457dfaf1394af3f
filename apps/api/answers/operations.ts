// What is answered of work that takes longer than a request: operations on many emails, and tries of transports.
import { z } from 'zod';
import { ACTIONS } from '../../../libs/administration/bulk/bulk-input';
import { EXAMPLE_AT, EXAMPLE_ID, Time } from './fields';
import { VerifyResult } from './transports';

const STATES = ['waiting', 'running', 'done', 'failed'] as const;
const ID = EXAMPLE_ID.replace('m_', 'o_');
const Count = z.int().min(0);

const Noted = z.strictObject({ id: z.string(), application: z.string(), code: z.string(), detail: z.string() });
const Side = z.record(z.string(), z.unknown());

export const OperationBegun = z.strictObject({ id: z.string(), state: z.enum(['waiting', 'running']) }).meta({
  id: 'OperationBegun',
  description: 'It goes on by itself: `GET /v1/operations/{id}` says how far it is.',
  examples: [{ id: ID, state: 'waiting' }],
});

const BulkOperation = z
  .strictObject({
    id: z.string(),
    state: z.enum(STATES),
    tenant: z.string(),
    application: z.string().optional(),
    action: z.enum(ACTIONS),
    dryRun: z.boolean(),
    matched: Count,
    done: Count,
    changed: Count,
    skipped: Count,
    failed: Count,
    errors: z.array(Noted),
    skips: z.array(Noted),
    examples: z
      .array(z.strictObject({ id: z.string(), application: z.string(), before: Side, after: Side }))
      .optional(),
    createdAt: Time,
    finishedAt: Time.optional(),
    reason: z.string().optional(),
  })
  .meta({
    id: 'BulkOperation',
    description:
      'An operation on many emails. `changed`: changed, or to be changed where `dryRun` is true; `done` is 0 then. `errors` and `skips` are the first of those that could not be or were not changed.',
  });

const Verification = z
  .strictObject({
    id: z.string(),
    state: z.enum(STATES),
    tenant: z.string(),
    transport: z.string(),
    action: z.literal('verify'),
    result: VerifyResult.optional(),
    createdAt: Time,
    finishedAt: Time.optional(),
    reason: z.string().optional(),
  })
  .meta({ id: 'Verification', description: 'A try of a transport that took longer than a request.' });

const Erasure = z
  .strictObject({
    id: z.string(),
    state: z.enum(STATES),
    tenant: z.string(),
    action: z.literal('erase-person'),
    dryRun: z.boolean(),
    protocol: z.strictObject({
      emails: Count.meta({ description: 'Emails that went whole.' }),
      recipients: Count.meta({ description: 'Emails to others as well, which lost this recipient.' }),
      suppressions: Count.meta({ description: '1 where the address was suppressed: it stays so, as a hash.' }),
      operations: Count,
      auditEntries: Count,
    }),
    left: Count.meta({
      description:
        'Emails that are being sent, messages that wait for an archive, and operations under way: they are waited for.',
    }),
    createdAt: Time,
    finishedAt: Time.optional(),
    reason: z.string().optional(),
  })
  .meta({
    id: 'Erasure',
    description: 'The erasure of one person: how much of each kind went, or would go where `dryRun` is true.',
  });

const DONE = {
  id: ID,
  state: 'done' as const,
  tenant: 'acme',
  application: 'billing',
  action: 'release' as const,
  dryRun: false,
  matched: 2,
  done: 2,
  changed: 2,
  skipped: 0,
  failed: 0,
  errors: [],
  skips: [],
  createdAt: EXAMPLE_AT,
  finishedAt: EXAMPLE_AT,
};

export const OperationDetails = z.union([BulkOperation, Verification, Erasure]).meta({
  id: 'OperationDetails',
  examples: [DONE],
});

export const OperationList = z.strictObject({ operations: z.array(BulkOperation) }).meta({
  id: 'OperationList',
  description: 'Operations on many emails, newest first.',
  examples: [{ operations: [DONE] }],
});
