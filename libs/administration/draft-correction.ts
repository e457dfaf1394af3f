// What a correction would make of an email: the fields given replace, null removes, and the result is as valid as a new one.
import { normalizeAddress } from '../mail/address/address';
import { EmailInput } from '../mail/email/email';
import { problemAt } from '../mail/input/problem';
import {
  contentIdsOf,
  contentsOf,
  dueAt,
  LARGE_PARTS,
  recipientsOf,
  type LargePart,
  type StoredEmail,
} from '../mail/email/stored-email';
import { toStoredEmail } from '../mail/email/to-stored-email';
import { toInput } from '../mail/email/to-input';
import { type Schedule } from '../jobs/layout/schedule';
import { openEmail, SECRET_FIELDS } from '../jobs/layout/sealed-email';
import { changesBetween, type FieldChanges } from '../events/field-diff';
import { requireAllowed } from './allowed-by-state';
import { type Subject } from './commands';
import type { OverdueDeps } from './overdue';
import type { Accept } from '../intake/accept';
import { withApproval } from '../intake/with-approval';
import { involvedIn } from '../intake/draft';
import type { Templates } from '../store/registries/templates';
import type { Budget } from '../intake/budget';
import { readSealed } from '../content/content-cipher';
import type { ContentReader, ContentStore } from '../content/store';
import type { QueueAddress } from '../mail/address/queue-address';
import type { ContentRefs } from '../store/contents/content-refs';
import { prepareParts } from '../intake/large-parts';
import type { Sealing } from '../intake/sealing';
import { parseInput } from '../mail/input/parse-input';
import type { SecretBox } from '../store/redis/secret-box';

export type Patch = Record<string, unknown>;

export interface CorrectDeps extends OverdueDeps {
  content: ContentStore;
  refs: ContentRefs;
  accept: Pick<Accept, 'checkReferences'>;
  budget: Budget;
  schedule: Schedule;
  secrets: SecretBox;
  templates: Templates;
}

/** An email as the input that would make it again; of a confidential one, what stands in clear. */
export const inputOf = async (
  { content }: { content: ContentReader },
  email: StoredEmail,
): Promise<Record<string, unknown>> => {
  const parts: Partial<Record<LargePart, string>> = {};
  for (const name of LARGE_PARTS) {
    const stored = email.stored?.[name];
    if (stored !== undefined) parts[name] = (await content.readAll(stored.contentId)).toString('utf8');
  }
  return JSON.parse(JSON.stringify(toInput(email, parts))) as Record<string, unknown>;
};

const FINISHED = ['subject', 'html', 'text'];
const TEMPLATED = ['template', 'data', 'dataUrl'];
/** What else a complete message has in itself. */
const AROUND = ['attachments', 'headers', 'replyTo'];

const gives = (patch: Patch, names: string[]): boolean => names.some((name) => (patch[name] ?? null) !== null);

/** Fields that cannot stand beside those of the patch: they go with what they belonged to. */
const displaced = (patch: Patch): string[] => [
  ...(gives(patch, ['template']) ? [...FINISHED, 'raw'] : []),
  ...(gives(patch, FINISHED) ? [...TEMPLATED, 'raw'] : []),
  ...(gives(patch, ['raw']) ? [...FINISHED, ...TEMPLATED, ...AROUND] : []),
  ...('expiresAt' in patch ? ['expiresAfter'] : []),
];

const merged = (base: Record<string, unknown>, patch: Patch): Record<string, unknown> => {
  const gone = new Set(displaced(patch));
  const all = { ...Object.fromEntries(Object.entries(base).filter(([name]) => !gone.has(name))), ...patch };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
};

/** When it expires after the correction: as given, a span from its time, or as long after its time as before. */
const expiryOf = (
  input: EmailInput,
  patch: Patch,
  span: number,
  before: StoredEmail,
  acceptedAt: number,
  now: number,
): number => {
  const due = dueAt(input, acceptedAt);
  const kept = Date.parse(before.expiresAt) - dueAt(before, acceptedAt);
  const expiresAt =
    input.expiresAt !== undefined
      ? Date.parse(input.expiresAt)
      : 'expiresAfter' in patch
        ? Math.max(due, now) + span
        : due + kept;
  if (expiresAt <= due) throw problemAt('invalid', ['expiresAt'], 'must be after sendAt');
  return expiresAt;
};

/** So many addresses that were corrected away lead to an email, the last ones. */
const FORMER_KEPT = 100;

/** What it was to be sent to before, and is not now. */
const formerAddresses = (before: StoredEmail, after: StoredEmail): string[] => {
  const addresses = (email: StoredEmail): string[] => recipientsOf(email).map(({ address }) => address);
  const present = new Set(addresses(after).map(normalizeAddress));
  const all = [...(before.formerly ?? []), ...addresses(before)].map(normalizeAddress);
  return [...new Set(all)].filter((address) => !present.has(address)).slice(-FORMER_KEPT);
};

/** The email in its plain form; one that is confidential is sealed again under the key that its contents have. */
const opened = async (
  { secrets: box, content }: Pick<CorrectDeps, 'secrets' | 'content'>,
  address: QueueAddress,
  email: StoredEmail,
): Promise<{ plain: StoredEmail; sealing?: Sealing }> => {
  if (email.sealed === undefined) return { plain: email };
  const { email: plain, key } = await openEmail(box, address, email, readSealed(content));
  const has = new Map(contentsOf(plain).map(({ contentId, size }) => [contentId, size]));
  return { plain, sealing: { box, key, has } };
};

/** What waits unsealed is in backups already, and what is sealed is shown to nobody. @throws Problem */
const requireAsConfidential = (before: StoredEmail, patch: Patch): void => {
  if (!('confidential' in patch) || (patch['confidential'] === true) === (before.confidential === true)) return;
  throw problemAt(
    'invalid',
    ['confidential'],
    'is decided when an email is accepted: cancel this one, and send it anew',
  );
};

const CONFIDENTIAL = '(confidential)';

/** The fields that differ; of what is sealed only that somebody changed it. */
const fieldsOf = (before: StoredEmail, after: StoredEmail, patch: Patch): FieldChanges => {
  const fields = changesBetween(before, after);
  if (after.sealed === undefined) return fields;
  const secret = Object.keys(patch).filter((name) => (SECRET_FIELDS as readonly string[]).includes(name));
  const changed = secret.map((name) => [name, { before: CONFIDENTIAL, after: CONFIDENTIAL }]);
  return { ...fields, ...(Object.fromEntries(changed) as FieldChanges) };
};

/**
 * What a correction would make of an email; nothing is written.
 * @param patch an object of fields
 * @throws Problem `invalid` and others of a new email; `email-sending`, `email-finished`
 */
export const draftCorrection = async (deps: CorrectDeps, subject: Subject, patch: Patch) => {
  const { queue, record } = subject;
  const { address } = queue;
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch))
    throw problemAt('invalid', [], 'the body must be an object {...} of the fields to change');
  requireAllowed('correct', record);

  const before = record.email;
  requireAsConfidential(before, patch);
  const { plain, sealing } = await opened(deps, address, before);
  const input = parseInput(EmailInput, merged(await inputOf(deps, plain), patch));
  deps.tenants.requireRetries(input, before);
  const settings = await deps.tenants.settings(address, input);
  const parts = await prepareParts(deps, address, input, [], before.raw, undefined, sealing);
  await deps.accept.checkReferences(address, input, settings, [], parts.raw);
  const now = deps.clock.now();
  const expiresAt = expiryOf(input, patch, settings.expiresAfter, before, record.acceptedAt, now);
  const made = toStoredEmail(input, {
    ...parts,
    domain: before.domain,
    expiresAt,
    rev: before.rev + 1,
    resentFrom: before.resentFrom,
    traceparent: before.traceparent,
  });
  const fixed = 'expiresAt' in patch || (before.fixedExpiry === true && !('expiresAfter' in patch));
  const formerly = formerAddresses(before, made);
  const whole: StoredEmail = {
    ...made,
    ...(fixed && { fixedExpiry: true }),
    ...(formerly.length > 0 && { formerly }),
    ...(before.forgotten !== undefined && { forgotten: before.forgotten }),
    ...(before.needsApproval && { needsApproval: before.needsApproval }),
  };
  const isChanged = Object.keys(fieldsOf(before, parts.place(whole), patch)).length > 0;
  const after = parts.place(
    isChanged ? await withApproval(deps, address, whole, settings.approval, involvedIn(subject), before) : whole,
  );
  const fields = fieldsOf(before, after, patch);

  const had = contentIdsOf(before);
  const added = contentsOf(after).filter(({ contentId }) => !had.includes(contentId));
  await deps.budget.requireGrowth(before, after);
  await deps.budget.requireContent(address, added);
  return { before, after, input, fields, parts, settings, now, expiresAt, had, added };
};
