// What may be asked for of many emails at once: which of them, what is done to them, and what may be the same for all.
import { z } from 'zod';
import { EmailInput } from '../../mail/email/email';
import { pointer, Problem, type InputError } from '../../mail/input/problem';
import { RecipientFilter } from '../../mail/address/recipient-pattern';
import { EMAIL_SETTINGS } from '../../mail/settings/settings';
import type { Action } from '../../mail/email/state';
import { unfoldMembers } from '../../mail/input/members';
import { FILTER_FIELDS, OneOrMoreIds, OneOrMoreStates, requireSpan, toFilter } from '../filter-input';
import { ReplaceInput } from './bulk-replace';
import { parseInput } from '../../mail/input/parse-input';

/** A filter as lists have it; members of `metadata` may also be written `metadata.<key>`, as in a query. */
export const BulkFilter = z.preprocess(
  (given) => unfoldMembers(given, 'metadata'),
  z
    .strictObject({
      ...FILTER_FIELDS,
      state: OneOrMoreStates.optional(),
      id: OneOrMoreIds.optional(),
      metadata: z
        .record(z.string().min(1).max(100), z.union([z.string(), z.number(), z.boolean()]).transform(String))
        .optional(),
      recipient: RecipientFilter.refine(
        (text) => !/^[*@]+$/.test(text),
        'must name somebody: leave it out for everybody',
      ).optional(),
    })
    .superRefine((filter, context) =>
      requireSpan(filter, (path, message) => context.addIssue({ code: 'custom', path: [path], message })),
    ),
);

/** Does it ask for anything? */
const isEmpty = (filter: z.infer<typeof BulkFilter>): boolean => Object.keys(toFilter(filter)).length === 0;

export const ACTIONS = [
  'release',
  'cancel',
  'hold',
  'send-now',
  'resolve',
  'resend',
  'delete',
] as const satisfies readonly Action[];
export type BulkAction = (typeof ACTIONS)[number];
const CORRECTING: readonly BulkAction[] = ['release', 'hold', 'send-now'];

export const BulkInput = z
  .strictObject({
    filter: BulkFilter.optional(),
    /** Says that an empty filter is meant. */
    all: z.boolean().optional(),
    action: z.enum(ACTIONS),
    /** What became of uncertain ones: goes with resolve. */
    as: z.enum(['sent', 'resend', 'failed']).optional(),
    patch: z.record(z.string(), z.unknown()).optional(),
    replace: ReplaceInput.optional(),
    dryRun: z.boolean().optional(),
  })
  .superRefine(({ filter = {}, all, action, as, patch, replace }, context) => {
    const complain = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (isEmpty(filter) && all !== true)
      complain('filter', 'is empty and means every email: narrow it, or say so by "all": true');
    for (const [name, given] of Object.entries({ patch, replace }))
      if (given !== undefined && !CORRECTING.includes(action))
        complain(name, `goes with ${CORRECTING.join(', ')} only`);
    if ((action === 'resolve') !== (as !== undefined))
      complain('as', 'goes with the action resolve, which needs it: sent, resend or failed');
  })
  .meta({
    id: 'Bulk',
    examples: [
      {
        filter: { state: ['failed'], recipient: '*@gmial.com' },
        action: 'release',
        replace: { recipientDomain: { 'gmial.com': 'gmail.com' } },
        dryRun: true,
      },
    ],
  });

/** Fields of an email that may be the same for many: its settings and its times. */
const FOR_MANY = new Set([...Object.keys(EMAIL_SETTINGS), 'sendAt', 'expiresAt']);
const RECIPIENTS = new Set(['to', 'cc', 'bcc']);

const MEND =
  'belongs to each email: everybody’s mail would go to the same people. Mend addresses by "replace": ' +
  '{"recipientDomain": {"gmial.com": "gmail.com"}} or {"recipient": {"old@x.example": "new@x.example"}}';

/** What is wrong with one field of a patch for many; null takes a field away. */
const faultsOf = (name: string, value: unknown): InputError[] => {
  const path = ['patch', name];
  const complaint = (message: string): InputError[] => [{ path: pointer(path), message }];
  const schema = (EmailInput.shape as Record<string, z.ZodType>)[name];
  if (schema === undefined) return complaint('is not a known field');
  if (RECIPIENTS.has(name)) return complaint(MEND);
  if (!FOR_MANY.has(name)) return complaint('belongs to one email: correct each by a PATCH of its own');
  if (value === null) return [];
  try {
    parseInput(schema, value, path);
    return [];
  } catch (error) {
    if (error instanceof Problem && error.code === 'invalid') return error.errors;
    throw error;
  }
};

/** @throws Problem `invalid` that points at what belongs to one email, or is wrong for all of them */
export const requireForMany = (patch: Record<string, unknown> | undefined): void => {
  const errors = Object.entries(patch ?? {}).flatMap(([name, value]) => faultsOf(name, value));
  if ((patch?.['expiresAt'] ?? null) !== null && (patch?.['expiresAfter'] ?? null) !== null)
    errors.push({ path: '/patch/expiresAfter', message: 'must not stand beside expiresAt: give one of them' });
  const [first] = errors;
  if (first !== undefined) throw new Problem('invalid', `${first.path} ${first.message}`, errors);
};
