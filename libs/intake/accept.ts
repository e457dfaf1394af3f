// From a valid input to an email in its queue: decided, remembered, stored, added; 202 only when Redis has it.
import type { MailLog } from '../events/mail-log';
import { Problem } from '../mail/input/problem';
import type { QueueAddress } from '../mail/address/queue-address';
import { contentIdsOf, contentsOf } from '../mail/email/stored-email';
import type { Budget } from './budget';
import { isGone } from '../jobs/layout/tombstones';
import type { Queues } from '../jobs/layout/queues';
import type { Enqueue } from './enqueue';
import type { Templating } from '../render/templating';
import { claimKey, confirmKey, hashBody } from '../store/registries/idempotency-keys';
import type { Durably } from '../store/durability/durability';
import { queueKeys, type QueueKeys } from '../store/redis/keys';
import type { Transports } from '../store/registries/transports';
import { createAcceptBatch, isDraft } from './accept-batch';
import { createDraft, remembered, type Draft, type DraftDeps, type Request } from './draft';
import { createPauses } from '../runtime/pauses';
import { traceEvent } from '../runtime/telemetry/tracing';
import { packReceipt, unpackReceipt, type Receipt } from './receipt';
import { createReferences } from './check-references';

export interface AcceptDeps extends DraftDeps {
  transports: Pick<Transports, 'get'>;
  templating: Templating;
  queues: Queues;
  enqueue: Enqueue;
  budget: Budget;
  durably: Durably;
  mailLog: MailLog;
  /** Hears of each email that Redis has now, and had not before. */
  onAccepted: (address: QueueAddress) => void;
}

export interface Acceptance {
  receipt: Receipt;
  replayed: boolean;
}

const toProblem = (error: unknown): Problem => {
  if (error instanceof Problem) return error;
  throw error;
};

/** Stores the key before the email is added; who comes second goes on with the first one's id. @throws Problem */
const claim = async ({ redis, secrets }: AcceptDeps, keys: QueueKeys, made: Draft): Promise<Draft> => {
  if (made.key === undefined || made.replayed) return made;
  const { id, acceptedAt } = made.accepted;
  const answer = packReceipt(made.receipt, acceptedAt);
  const { hash, body } = made.key;
  const bodyHash = hashBody(body, made.accepted.email.confidential ? secrets : undefined);
  const first = await claimKey(redis, keys, hash, { bodyHash, id, acceptedAt, answer });
  if (first === undefined) return made;
  const { id: firstId, acceptedAt: firstAt, done } = remembered(first, body, secrets);
  const receipt = unpackReceipt(first.answer, first);
  const email = { ...made.accepted.email, expiresAt: receipt.expiresAt };
  return {
    ...made,
    accepted: { ...made.accepted, id: firstId, acceptedAt: firstAt, email },
    receipt,
    replayed: true,
    settled: done,
  };
};

/** What is done with drafts: room is required for them, they are written, and told of. */
const createWriting = (deps: AcceptDeps) => {
  const { redis } = deps;

  const ensureQueue = (address: QueueAddress): Promise<void> =>
    deps.tenants.ensureQueue(address, () => deps.budget.bound(address.tenant, 'maxQueues'));

  /**
   * Before keys are stored: who is refused must come back as if it were for the first time, and who was let in once needs no
   * room.
   * @throws Problem `queue-full`, `content-full`, `tenant-full`
   */
  const requireRoom = async (address: QueueAddress, drafts: Draft[]): Promise<void> => {
    const fresh = drafts.filter(({ replayed }) => !replayed);
    if (fresh.length === 0) return;
    await deps.budget.require(address.tenant, fresh.length);
    const contents = fresh.flatMap(({ accepted }) => contentsOf(accepted.email));
    await deps.budget.requireContent(
      address,
      contents,
      fresh.some(({ archive }) => archive),
    );
    await ensureQueue(address);
  };

  const storeParts = async (address: QueueAddress, { accepted, parts }: Draft): Promise<void> => {
    const contents = contentsOf(accepted.email);
    if (contents.length === 0) return;
    await deps.refs.claim(address, accepted.id, contents);
    await parts.store();
  };

  /**
   * Lets go of what was claimed for emails that were not added; never rejects. With a key another request goes on where this
   * one stopped, or is at work already; without one nobody ever names them again.
   */
  const letGo = async (address: QueueAddress, drafts: Draft[]): Promise<void> => {
    for (const { accepted, shared } of drafts) {
      for (const id of shared ? [] : contentIdsOf(accepted.email))
        await deps.refs.release(address, accepted.id, [id], deps.content.remove).catch(() => undefined);
    }
  };

  /** Writes what was decided. Every step may be repeated; the last one makes the email real. */
  const write = async (address: QueueAddress, keys: QueueKeys, drafts: Draft[]): Promise<void> => {
    const open: Draft[] = [];
    try {
      for (const draft of drafts) {
        if (draft.settled) continue;
        // A repetition that comes after the email was sent and removed must not send it again.
        if (draft.replayed && (await isGone(redis, keys, draft.accepted.id))) continue;
        open.push(draft);
        await storeParts(address, draft);
      }
    } catch (error) {
      // What failed first is what is told, and at once: the store may be away still.
      void letGo(address, open);
      throw error;
    }
    if (open.length === 0) return;
    await deps.enqueue.add(
      deps.queues.open(address),
      open.map(({ accepted }) => accepted),
    );
    await Promise.all(open.map(async ({ key }) => key && confirmKey(redis, keys, key.hash)));
  };

  const tell = (address: QueueAddress, { receipt, replayed, accepted }: Draft, by: string | undefined): void => {
    const email = { id: receipt.id, address };
    if (replayed) deps.mailLog.acceptedBefore(email, { by });
    else {
      deps.mailLog.accepted(email, { by, state: receipt.state, resentFrom: accepted.email.resentFrom });
      deps.onAccepted(address);
      traceEvent('accepted', { 'rohrpost.email': receipt.id, 'rohrpost.state': receipt.state });
    }
  };

  return { ensureQueue, requireRoom, write, tell };
};

export const createAccept = (deps: AcceptDeps) => {
  const checkReferences = createReferences(deps);
  const draft = createDraft(deps, checkReferences);
  const { ensureQueue, requireRoom, write, tell } = createWriting(deps);

  return {
    checkReferences,
    /** Accepts one email. @throws Problem */
    async one(address: QueueAddress, request: Request): Promise<Acceptance> {
      const keys = queueKeys(address);
      const drafted = await draft(address, keys, request);
      await requireRoom(address, [drafted]);
      const made = await claim(deps, keys, drafted);
      await ensureQueue(address);
      await deps.durably(() => write(address, keys, [made]));
      tell(address, made, request.by);
      return { receipt: made.receipt, replayed: made.replayed };
    },
    /** Accepts each of many by itself; `createAcceptBatch` says how. */
    many: createAcceptBatch({
      redis: deps.redis,
      clock: deps.clock,
      secrets: deps.secrets,
      isConfidential: async (address) => (await deps.tenants.settings(address)).confidential,
      async prepare(address, keys, requests) {
        const drafted = await draftAll(requests, (request) => draft(address, keys, request).catch(toProblem));
        await requireRoom(address, drafted.filter(isDraft));
        return Promise.all(
          drafted.map(async (made) => (isDraft(made) ? claim(deps, keys, made).catch(toProblem) : made)),
        );
      },
      async add(address, keys, drafts, by) {
        if (drafts.length > 0) await ensureQueue(address);
        const unique = uniqueById(drafts);
        await deps.durably(() => write(address, keys, unique));
        for (const made of unique) tell(address, made, by);
      },
    }),
  };
};

/** All at once, but with pauses between their beginnings: checking a thousand emails would hold everybody up. */
const draftAll = async <T>(requests: Request[], draft: (request: Request) => Promise<T>): Promise<T[]> => {
  const pauses = createPauses();
  const begun: Promise<T>[] = [];
  for (const request of requests) {
    const drafted = draft(request);
    // Whoever awaits them all hears of it; until then it is not unhandled.
    drafted.catch(() => undefined);
    begun.push(drafted);
    await pauses.pause();
  }
  return Promise.all(begun);
};

/** Two of a batch may carry the same idempotency key: they are one email. */
const uniqueById = (drafts: Draft[]): Draft[] => [
  ...new Map(drafts.map((draft) => [draft.accepted.id, draft])).values(),
];

export type Accept = ReturnType<typeof createAccept>;
