// From a valid input to an email in its queue: decided, remembered, stored, added; 202 only when Redis has it.
import type { ContentStore } from '../../libs/content/store';
import { EmailInput } from '../../libs/mail/email';
import { Problem, problemAt } from '../../libs/mail/problem';
import type { QueueAddress } from '../../libs/mail/queue-address';
import type { ResolvedSettings } from '../../libs/mail/settings';
import {
  contentsOf,
  dueAt,
  messageIdOf,
  toStoredEmail,
  type StoredEmail,
  type StoredRaw,
} from '../../libs/mail/stored-email';
import type { Budget } from '../../libs/queue/budget';
import { newEmailId } from '../../libs/queue/email-id';
import type { Queues } from '../../libs/queue/queues';
import type { Accepted, SendQueue } from '../../libs/queue/send-queue';
import type { Templating } from '../../libs/render/templates';
import type { Clock } from '../../libs/runtime/clock';
import type { ContentRefs } from '../../libs/store/content-refs';
import { claimKey, confirmKey, hashBody, hashKey, recall, type Remembered } from '../../libs/store/idempotency';
import { queueKeys, type QueueKeys } from '../../libs/store/keys';
import type { Redis } from '../../libs/store/redis';
import type { Templates } from '../../libs/store/templates';
import type { Tenants } from '../../libs/store/tenants';
import type { Transports } from '../../libs/store/transports';
import { parseInput } from './input';
import { createReadUploaded, prepareParts, type Parts, type ReadUploaded } from './parts';
import { createReferences } from './references';

export interface AcceptDeps {
  redis: Redis;
  clock: Clock;
  /** The installation's name. */
  name: string;
  tenants: Tenants;
  transports: Transports;
  templates: Templates;
  templating: Templating;
  content: ContentStore;
  refs: ContentRefs;
  queues: Queues;
  sendQueue: SendQueue;
  budget: Budget;
}

/** What a client is told of an accepted email. */
export interface Receipt {
  id: string;
  state: 'scheduled' | 'queued';
  sendAt: string;
  expiresAt: string;
  messageId: string;
}

export interface Acceptance {
  receipt: Receipt;
  replayed: boolean;
}

interface Request {
  body: unknown;
  /** The email that this one is made from, to be sent again. */
  resentFrom?: string;
  /** The message of the email that it is made from, which was checked before. */
  known?: StoredRaw;
  /** That of the whole batch. */
  readUploaded?: ReadUploaded;
  /** Where the body stands in a batch, for pointers. */
  base?: readonly PropertyKey[];
  idempotencyKey?: string;
}

/** An email on its way in: everything is decided, nothing is written yet. */
interface Draft {
  accepted: Accepted;
  parts: Parts;
  receipt: Receipt;
  /** Its message will be kept as it was sent. */
  archive: boolean;
  keyHash?: string;
  replayed: boolean;
  /** Redis has it already: nothing is to be done. */
  settled: boolean;
}

/** ISO 8601 in UTC. */
const iso = (ms: number): string => new Date(ms).toISOString();

const receiptOf = (id: string, email: StoredEmail, acceptedAt: number): Receipt => {
  const due = dueAt(email, acceptedAt);
  return {
    id,
    state: due > acceptedAt ? 'scheduled' : 'queued',
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

const remembered = (found: Remembered, bodyHash: string): Remembered => {
  if (found.bodyHash === bodyHash) return found;
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

const toProblem = (error: unknown): Problem => {
  if (error instanceof Problem) return error;
  throw error;
};

/** Stores the key before the email is added; who comes second goes on with the first one's id. */
const claim = async (redis: Redis, keys: QueueKeys, made: Draft, keyHash: string, bodyHash: string): Promise<Draft> => {
  const { id, acceptedAt } = made.accepted;
  const answer = JSON.stringify(made.receipt);
  const first = await claimKey(redis, keys, keyHash, { bodyHash, id, acceptedAt, answer });
  if (first === undefined) return made;
  const { id: firstId, acceptedAt: firstAt, done } = remembered(first, bodyHash);
  const receipt = JSON.parse(first.answer) as Receipt;
  const email = { ...made.accepted.email, expiresAt: receipt.expiresAt };
  return {
    ...made,
    accepted: { ...made.accepted, id: firstId, acceptedAt: firstAt, email },
    receipt,
    replayed: true,
    settled: done,
  };
};

export const createAccept = (deps: AcceptDeps) => {
  const { clock, redis } = deps;
  const checkReferences = createReferences(deps);

  const draft = async (address: QueueAddress, keys: QueueKeys, request: Request): Promise<Draft> => {
    const base = request.base ?? [];
    const input = parseInput(EmailInput, request.body, base);
    const keyHash = request.idempotencyKey === undefined ? undefined : hashKey(request.idempotencyKey);
    const bodyHash = keyHash === undefined ? '' : hashBody(request.body);
    const earlier = keyHash === undefined ? undefined : await recall(redis, keys, keyHash);
    const known = earlier && remembered(earlier, bodyHash);
    // A repetition of what was accepted is answered as it was, whatever has changed since.
    const acceptedAt = known?.acceptedAt ?? clock.now();
    const id = known?.id ?? newEmailId();
    const settings = await deps.tenants.settings(address, input);
    const parts = known?.done
      ? SETTLED
      : await prepareParts(deps, address, input, base, request.known, request.readUploaded);
    if (known === undefined) await checkReferences(address, input, settings, base, parts.raw);
    const expiresAt = known
      ? Date.parse((JSON.parse(known.answer) as Receipt).expiresAt)
      : expiryOf(input, settings, acceptedAt, base);
    const { resentFrom } = request;
    const email = parts.place(toStoredEmail(input, { ...parts, domain: deps.name, expiresAt, resentFrom }));
    const made: Draft = {
      accepted: { id, email, acceptedAt, priority: settings.priority },
      parts,
      archive: settings.archive,
      receipt: known ? (JSON.parse(known.answer) as Receipt) : receiptOf(id, email, acceptedAt),
      ...(keyHash !== undefined && { keyHash }),
      replayed: known !== undefined,
      settled: known?.done ?? false,
    };
    return keyHash === undefined || known !== undefined ? made : claim(redis, keys, made, keyHash, bodyHash);
  };

  /** @throws Problem `queue-full`, `content-full` */
  const requireRoom = async (address: QueueAddress, drafts: Draft[]): Promise<void> => {
    const fresh = drafts.filter(({ settled }) => !settled);
    if (fresh.length === 0) return;
    await deps.budget.require(address.tenant, fresh.length);
    const contents = fresh.flatMap(({ accepted }) => contentsOf(accepted.email));
    await deps.budget.requireContent(
      address,
      contents,
      fresh.some(({ archive }) => archive),
    );
  };

  /** Writes what was decided. Every step may be repeated; the last one makes the email real. */
  const write = async (address: QueueAddress, keys: QueueKeys, drafts: Draft[]): Promise<void> => {
    const open: Draft[] = [];
    for (const draft of drafts) {
      if (draft.settled) continue;
      // A repetition that comes after the email was sent and removed must not send it again.
      if (draft.replayed && (await redis.exists(keys.gone(draft.accepted.id))) === 1) continue;
      const contents = contentsOf(draft.accepted.email);
      if (contents.length > 0) {
        await deps.refs.claim(address, draft.accepted.id, contents);
        await draft.parts.store();
      }
      open.push(draft);
    }
    if (open.length === 0) return;
    await deps.sendQueue.add(
      deps.queues.open(address),
      open.map(({ accepted }) => accepted),
    );
    await Promise.all(open.map(async ({ keyHash }) => keyHash && confirmKey(redis, keys, keyHash)));
  };

  return {
    checkReferences,
    /** Accepts one email. @throws Problem */
    async one(address: QueueAddress, request: Request): Promise<Acceptance> {
      const keys = queueKeys(address);
      const made = await draft(address, keys, request);
      await requireRoom(address, [made]);
      await deps.tenants.ensureQueue(address);
      await write(address, keys, [made]);
      return { receipt: made.receipt, replayed: made.replayed };
    },
    /** Accepts each of many by itself; gives a problem for those that were not. */
    async many(address: QueueAddress, requests: Request[]): Promise<(Acceptance | Problem)[]> {
      const keys = queueKeys(address);
      const readUploaded = createReadUploaded(deps.content);
      const drafts = await Promise.all(
        requests.map((request) => draft(address, keys, { ...request, readUploaded }).catch(toProblem)),
      );
      const good = drafts.filter((made): made is Draft => !(made instanceof Problem));
      await requireRoom(address, good);
      if (good.length > 0) await deps.tenants.ensureQueue(address);
      await write(address, keys, uniqueById(good));
      return drafts.map((made) =>
        made instanceof Problem ? made : { receipt: made.receipt, replayed: made.replayed },
      );
    },
  };
};

/** Two of a batch may carry the same idempotency key: they are one email. */
const uniqueById = (drafts: Draft[]): Draft[] => [
  ...new Map(drafts.map((draft) => [draft.accepted.id, draft])).values(),
];

export type Accept = ReturnType<typeof createAccept>;
