// One email of an operation on many: whether the action can be done to it, and the action itself.
import { formatAddress, type Address } from '../../mail/address/address';
import { Problem } from '../../mail/input/problem';
import { dueAt, type StoredEmail } from '../../mail/email/stored-email';
import { readRecords, type EmailRecord } from '../../jobs/layout/email-record';
import { readHistory } from '../../jobs/read/history';
import type { BulkOperation } from './bulk-operation';
import { replacedIn, type Replacement } from './bulk-replace';
import { changesBetween } from '../../events/field-diff';
import { requireApprover } from '../approval/approver';
import { requireAllowed } from '../allowed-by-state';
import type { Commands, Subject } from '../commands';
import { draftCorrection, type CorrectDeps, type Patch } from '../draft-correction';
import { correct, requireSeenAs } from '../correct';
import { checkResend, resend, type ResendDeps } from '../resend';

export type BulkDeps = CorrectDeps & ResendDeps;

/** There is nothing to be done to an email. */
export class Skip extends Error {
  constructor(
    readonly code: string,
    detail: string,
  ) {
    super(detail);
  }
}

const ANEW = { mode: 'render' } as const;

/**
 * The correction that an operation makes of an email, if any.
 * @throws Skip where its addresses are to be mended and none is; Problem `recipients-merge`
 */
export const correctionOf = (
  { patch, action }: BulkOperation,
  email: StoredEmail,
  replacement: Replacement | undefined,
  onReplaced: (old: string, next: string) => void,
): Patch | undefined => {
  const addresses = replacement && replacedIn(email, replacement, onReplaced);
  if (replacement !== undefined && addresses === undefined)
    throw new Skip('nothing-to-replace', 'none of its recipients is replaced: it stays as it is');
  const now = action === 'send-now' ? { sendAt: null } : undefined;
  return patch || addresses || now ? { ...patch, ...addresses, ...now } : undefined;
};

/** What lets emails go. */
const LETS_GO: readonly BulkOperation['action'][] = ['release', 'send-now'];

/** Is there an approval in the way? @throws Problem `approval-needed` */
const requireApproval = async (
  deps: BulkDeps,
  subject: Subject,
  { action }: BulkOperation,
  patch: Patch | undefined,
): Promise<void> => {
  if (!LETS_GO.includes(action)) return;
  if (patch === undefined) requireApprover(subject);
  else await requireSeenAs(deps, subject, patch);
};

const stateAfter = ({ action, as }: BulkOperation, email: StoredEmail, now: number): string => {
  switch (action) {
    case 'release':
    case 'send-now':
      return dueAt(email, now) > now ? 'scheduled' : 'queued';
    case 'hold':
      return 'held';
    case 'cancel':
      return 'canceled';
    case 'resolve':
      return as === 'resend' ? 'queued' : (as ?? 'sent');
    case 'resend':
      return 'sent, and again by a new email';
    case 'delete':
      return 'gone';
  }
};

const NAMES = ['to', 'cc', 'bcc'];
const shown = (name: string, value: unknown): unknown =>
  NAMES.includes(name) && Array.isArray(value) ? (value as Address[]).map(formatAddress) : value;

/**
 * What would be done to an email; nothing is written.
 * @returns what it is and what it would be: its state, its recipients, and what else changes
 * @throws Problem as `actOn` would
 */
export const tryOn = async (
  deps: BulkDeps,
  subject: Subject,
  order: BulkOperation,
  patch: Patch | undefined,
): Promise<{ before: Record<string, unknown>; after: Record<string, unknown> }> => {
  const { record } = subject;
  requireAllowed(order.action, record);
  if (order.action === 'resend') await checkResend(deps, subject, ANEW);
  const after = patch === undefined ? record.email : (await draftCorrection(deps, subject, patch)).after;
  await requireApproval(deps, subject, order, patch);
  const recipients = { to: record.email.to, cc: record.email.cc, bcc: record.email.bcc };
  const same = changesBetween({}, recipients);
  const changed = { ...same, ...changesBetween(record.email, after) };
  const names = Object.keys(changed).filter((name) => name !== 'formerly');
  const side = (email: StoredEmail) =>
    Object.fromEntries(
      names.map((name) => [name, shown(name, (email as unknown as Record<string, unknown>)[name] ?? null)]),
    );
  return {
    before: { state: record.state, ...side(record.email) },
    after: { state: stateAfter(order, after, deps.clock.now()), ...side(after) },
  };
};

/** Is nothing left to be done once it is corrected? A correction that needs an approval has held it; what waits has got another time. */
const isDoneWith = ({ action }: BulkOperation, { state, place }: EmailRecord): boolean =>
  action === 'hold' ? state === 'held' : action === 'send-now' && place !== 'failed';

/** Corrects first, so that nothing is released uncorrected. @param patch undefined where there is none, or it was made before */
export const actOn = async (
  deps: BulkDeps,
  commands: Commands,
  given: Subject,
  order: BulkOperation,
  patch: Patch | undefined,
): Promise<void> => {
  let subject = given;
  if (patch !== undefined) {
    requireAllowed(order.action, given.record);
    await requireApproval(deps, subject, order, patch);
    await correct(deps, commands, subject, patch);
    const [fresh] = await readRecords(deps.redis, subject.queue, [subject.record.id]);
    if (fresh !== undefined) subject = { ...subject, record: fresh };
    if (isDoneWith(order, subject.record)) return;
  }
  const { record } = subject;
  switch (order.action) {
    case 'release':
    case 'send-now':
      return commands.release(subject);
    case 'cancel':
      return commands.cancel(subject);
    case 'hold':
      return commands.hold(subject);
    case 'delete':
      return commands.erase(subject);
    case 'resolve':
      if (order.as === undefined) throw new Problem('invalid', 'as is missing');
      return commands.resolve(subject, order.as);
    case 'resend':
      await resend(deps, commands, subject, ANEW, `bulk:${order.id}:${record.id}`);
  }
};

/** How far an operation that was interrupted came with an email: its history has a line for each step. */
export const doneBefore = async (
  deps: BulkDeps,
  { queue, record }: Subject,
  order: BulkOperation,
): Promise<'nothing' | 'corrected' | 'all'> => {
  const { changes } = await readHistory(deps.redis, queue, record);
  const steps = changes.filter(({ operation }) => operation === order.id).map(({ what }) => what);
  if (steps.some((what) => what !== 'corrected')) return 'all';
  if (steps.length === 0) return 'nothing';
  return isDoneWith(order, record) ? 'all' : 'corrected';
};
