// An email on its way in: everything is decided, nothing is written yet.
import { randomBytes } from 'node:crypto';
import type { ContentStore } from '../content/store';
import { EmailInput } from '../mail/email/email';
import { isApproved } from '../mail/email/approval';
import type { Hand } from '../mail/settings/api-key';
import type { Templates } from '../store/registries/templates';
import { withApproval, type Forerunner } from './with-approval';
import { Problem, problemAt } from '../mail/input/problem';
import type { QueueAddress } from '../mail/address/queue-address';
import type { ResolvedSettings } from '../mail/settings/settings';
import { dueAt, messageIdOf, type StoredEmail, type StoredRaw } from '../mail/email/stored-email';
import { toStoredEmail } from '../mail/email/to-stored-email';
import { newEmailId } from '../jobs/layout/email-id';
import type { Accepted } from './enqueue';
import type { Clock } from '../runtime/clock';
import type { ContentRefs } from '../store/contents/content-refs';
import { hashKey, isHashOf, recall, type Remembered } from '../store/registries/idempotency-keys';
import type { QueueKeys } from '../store/redis/keys';
import type { Redis } from '../store/redis/redis';
import type { SecretBox } from '../store/redis/secret-box';
import type { Tenants } from '../store/registries/tenants';
import { unpackReceipt, type Receipt } from './receipt';
import { prepareParts, type Parts } from './large-parts';
import type { Sealing } from './sealing';
import type { SharedParts } from './shared-parts';
import type { CheckReferences } from './check-references';
import { parseInput } from '../mail/input/parse-input';
import { traceparent } from '../runtime/telemetry/tracing';

export interface Request {
  body: unknown;
  /** The email that this one is made from, to be sent again. */
  resentFrom?: string;
  /** The message of the email that it is made from, which was checked before. */
  known?: StoredRaw;
  /** What it has in common with the others of its batch. */
  shared?: SharedParts;
  /** Where the body stands in a batch, for pointers. */
  base?: readonly PropertyKey[];
  idempotencyKey?: string;
  /** What the key stands for, where that is not the body. */
  asked?: unknown;
  /** Decided for this line of a batch; `again` where an earlier request did. */
  decided?: { id: string; acceptedAt: number; again: boolean };
  /** Who asks, for the log. */
  by?: string;
  /** Whose hand it comes from, for approvals. */
  hand?: Hand;
  /** The email that `resentFrom` names. */
  forerunner?: Forerunner;
}

/** Whoever asks, as approvals know them. */
export const involvedIn = ({ by = '', hand }: Pick<Request, 'by' | 'hand'>) => hand && { hand: hand.id, by };

export interface Draft {
  accepted: Accepted;
  parts: Parts;
  receipt: Receipt;
  /** Its message will be kept as it was sent. */
  archive: boolean;
  /** Its idempotency key, and the body that it stands for. */
  key?: { hash: string; body: unknown };
  replayed: boolean;
  /** Another request may be at work on the same email, or go on where this one stops. */
  shared: boolean;
  /** Redis has it already: nothing is to be done. */
  settled: boolean;
}

/** ISO 8601 in UTC. */
const iso = (ms: number): string => new Date(ms).toISOString();

const receiptOf = (id: string, email: StoredEmail, acceptedAt: number): Receipt => {
  const due = dueAt(email, acceptedAt);
  return {
    id,
    state: !isApproved(email) ? 'held' : due > acceptedAt ? 'scheduled' : 'queued',
    sendAt: iso(due),
    expiresAt: email.expiresAt,
    messageId: `<${messageIdOf(id, email)}>`,
  };
};

/** When the email stops being worth sending: as given, or a span from the later of acceptance and `sendAt`. */
const expiryOf = (
  input: EmailInput,
  settings: ResolvedSettings,
  acceptedAt: number,
  base: readonly PropertyKey[],
): number => {
  const due = dueAt(input, acceptedAt);
  if (input.expiresAt === undefined) return due + settings.expiresAfter;
  const expiresAt = Date.parse(input.expiresAt);
  if (expiresAt <= due)
    throw problemAt('invalid', [...base, 'expiresAt'], 'is over already: it must be after sendAt and after now');
  return expiresAt;
};

/** @throws Problem `idempotency-key-reused`; SecretKeyMissing */
export const remembered = (found: Remembered, body: unknown, box: SecretBox | undefined): Remembered => {
  if (isHashOf(found.bodyHash, body, box)) return found;
  throw new Problem(
    'idempotency-key-reused',
    'this Idempotency-Key was used with another body: use a new key for a new email',
  );
};

/** Of an email that Redis has already: nothing is looked for, since its contents may be gone with it. */
const SETTLED: Parts = {
  attachments: [],
  raw: undefined,
  place: (email) => email,
  store: () => Promise.resolve(),
};

export interface DraftDeps {
  redis: Redis;
  clock: Clock;
  /** The installation's name. */
  name: string;
  tenants: Tenants;
  content: ContentStore;
  refs: ContentRefs;
  templates: Templates;
  /** Seals confidential emails; where there is none, none is taken. */
  secrets?: SecretBox;
}

/** What a confidential email is sealed with. @throws Problem `confidential` */
const sealingOf = ({ secrets: box }: DraftDeps, { confidential }: ResolvedSettings): Sealing | undefined => {
  if (!confidential) return undefined;
  if (box !== undefined) return { box, key: randomBytes(32), has: new Map() };
  throw new Problem(
    'confidential',
    'confidential emails are taken by the HTTP API only: this door holds no key to seal them with',
  );
};

/** @returns decides what a request asks for; @throws Problem */
export const createDraft = (deps: DraftDeps, checkReferences: CheckReferences) => {
  const { clock, redis } = deps;

  return async (address: QueueAddress, keys: QueueKeys, request: Request): Promise<Draft> => {
    const base = request.base ?? [];
    const input = parseInput(EmailInput, request.body, base);
    const keyHash = request.idempotencyKey === undefined ? undefined : hashKey(request.idempotencyKey);
    const earlier = keyHash === undefined ? undefined : await recall(redis, keys, keyHash);
    const asked = request.asked ?? request.body;
    const known = earlier && remembered(earlier, asked, deps.secrets);
    // A repetition of what was accepted is answered as it was, whatever has changed since.
    const { decided } = request;
    const acceptedAt = known?.acceptedAt ?? decided?.acceptedAt ?? clock.now();
    const id = known?.id ?? decided?.id ?? newEmailId(acceptedAt);
    const replayed = known !== undefined || decided?.again === true;
    const settings = await deps.tenants.settings(address, input);
    const sealing = sealingOf(deps, settings);
    const parts = known?.done
      ? SETTLED
      : await prepareParts(deps, address, input, base, request.known, request.shared, sealing);
    // What an email of the history asked for stays, and is held to the bounds when it is used.
    if (!replayed && request.resentFrom === undefined) deps.tenants.requireRetries(input, undefined, base);
    if (!replayed) await checkReferences(address, input, settings, base, parts.raw);
    const expiresAt = known
      ? Date.parse(unpackReceipt(known.answer, known).expiresAt)
      : expiryOf(input, settings, acceptedAt, base);
    const { resentFrom } = request;
    const made = { domain: deps.name, expiresAt, resentFrom, traceparent: traceparent() };
    const plain = toStoredEmail(input, { ...parts, ...made });
    const { approval } = settings;
    const isFree = approval === undefined && request.forerunner?.needsApproval === undefined;
    const email = parts.place(
      isFree ? plain : await withApproval(deps, address, plain, approval, involvedIn(request), request.forerunner),
    );
    return {
      accepted: { id, email, acceptedAt, priority: settings.priority },
      parts,
      archive: settings.archive || settings.archiveTo !== undefined,
      receipt: known ? unpackReceipt(known.answer, known) : receiptOf(id, email, acceptedAt),
      ...(keyHash !== undefined && { key: { hash: keyHash, body: asked } }),
      replayed,
      shared: keyHash !== undefined || decided !== undefined,
      settled: known?.done ?? false,
    };
  };
};
