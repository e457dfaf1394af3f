// Sends an email of the history again: a new email, linked both ways.
import { z } from 'zod';
import { EmailInput } from '../mail/email/email';
import { AddressList } from '../mail/settings/settings';
import { Problem } from '../mail/input/problem';
import { appendToHistory, readHistory } from '../jobs/read/history';
import { linkTrace } from '../runtime/telemetry/tracing';
import type { ContentReader, ContentStore } from '../content/store';
import type { Accept } from '../intake/accept';
import type { ContentRefs } from '../store/contents/content-refs';
import type { Redis } from '../store/redis/redis';
import type { Tenants } from '../store/registries/tenants';
import type { Receipt } from '../intake/receipt';
import { requireAllowed } from './allowed-by-state';
import type { Commands, Subject } from './commands';
import { inputOf } from './draft-correction';
import { prepareParts } from '../intake/large-parts';
import { parseInput } from '../mail/input/parse-input';

export interface CheckResendDeps {
  tenants: Tenants;
  content: ContentStore;
  refs: ContentRefs;
  accept: Pick<Accept, 'checkReferences' | 'one'>;
}

export interface ResendDeps extends CheckResendDeps {
  redis: Redis;
}

export const ResendInput = z
  .strictObject({
    /** `as-sent`: the archived message, byte for byte; `render`: made anew from the template and settings of now. */
    mode: z.enum(['as-sent', 'render']).default('render'),
    to: AddressList.optional(),
    cc: AddressList.optional(),
    bcc: AddressList.optional(),
  })
  .meta({ id: 'Resend', examples: [{ mode: 'as-sent' }] });

/** What the archived message has in itself. */
const CONTENT = ['subject', 'html', 'text', 'template', 'data', 'dataUrl', 'raw', 'attachments', 'headers', 'replyTo'];

/** Times of the old email say nothing of the new one. */
const TIMES = ['sendAt', 'expiresAfter'];

/**
 * The email that another one would be sent again as; nothing is written.
 * @throws Problem `email-state` for an email that is not in the history, `not-archived`
 */
const draftResend = async (
  { content }: { content: ContentReader },
  { record }: Subject,
  given: z.infer<typeof ResendInput>,
) => {
  requireAllowed('resend', record);
  if (record.email.confidential === true)
    throw new Problem(
      'confidential',
      'this email is confidential: nothing is kept that could be sent again; send it anew',
    );
  const { archive } = record;
  if (given.mode === 'as-sent' && archive === undefined) {
    throw new Problem(
      'not-archived',
      'this email was not archived (setting "archive"): send it again with mode "render", which makes it anew',
    );
  }
  const archived = given.mode === 'as-sent' ? archive : undefined;
  // A complete message is made anew of nothing: it stays as it was checked.
  const known = archived ?? record.email.raw;
  const left = archived === undefined ? TIMES : [...TIMES, ...CONTENT];
  const old = Object.entries(await inputOf({ content }, record.email)).filter(([name]) => !left.includes(name));
  const anew = given.to !== undefined || given.cc !== undefined || given.bcc !== undefined;
  const recipients = anew ? { to: given.to, cc: given.cc, bcc: given.bcc } : {};
  const body = JSON.parse(
    JSON.stringify({
      ...Object.fromEntries(old),
      ...recipients,
      ...(archived && { raw: { contentId: archived.contentId } }),
    }),
  ) as unknown;
  return { body, known };
};

/**
 * Would `resend` accept it now?
 * @throws Problem of `draftResend`, and those of a new email
 */
export const checkResend = async (
  deps: CheckResendDeps,
  subject: Subject,
  given: z.infer<typeof ResendInput>,
): Promise<void> => {
  const { address } = subject.queue;
  const { body, known } = await draftResend(deps, subject, given);
  const input = parseInput(EmailInput, body);
  const parts = await prepareParts(deps, address, input, [], known);
  await deps.accept.checkReferences(address, input, await deps.tenants.settings(address, input), [], parts.raw);
};

/**
 * @param given recipients anew, where any are given: then none of the old ones stays
 * @param idempotencyKey for whoever may ask twice
 * @throws Problem of `draftResend`, and those of a new email
 */
export const resend = async (
  deps: ResendDeps,
  commands: Commands,
  subject: Subject,
  given: z.infer<typeof ResendInput>,
  idempotencyKey?: string,
): Promise<{ receipt: Receipt; replayed: boolean }> => {
  const { queue, record } = subject;
  const { body, known } = await draftResend(deps, subject, given);
  linkTrace(record.email.traceparent);
  const { receipt, replayed } = await deps.accept.one(queue.address, {
    body,
    asked: { resend: record.id, ...given },
    resentFrom: record.id,
    forerunner: record.email,
    by: subject.by,
    ...(subject.hand && { hand: subject.hand }),
    ...(known && { known }),
    ...(idempotencyKey && { idempotencyKey }),
  });
  // The first request may have died before it told so: who repeats it tells what is not told yet.
  if (replayed && (await isTold(deps, subject, receipt.id))) return { receipt, replayed };
  const fields = { resentAs: { before: null, after: receipt.id } };
  await appendToHistory(deps.redis, queue, record.id, commands.change(subject, 'resent', fields));
  await commands.audited(subject, 'resent', fields);
  return { receipt, replayed };
};

const isTold = async (deps: ResendDeps, { queue, record }: Subject, id: string): Promise<boolean> => {
  const { changes } = await readHistory(deps.redis, queue, record);
  return changes.some(({ fields }) => fields?.['resentAs']?.after === id);
};
