// Takes away every trace of an email but its job: index entries, contents; leaves a sign that it once was.
import { contentIdsOf, type StoredEmail, type StoredRaw } from '../mail/stored-email';
import type { QueueAddress } from '../mail/queue-address';
import type { Clock } from '../runtime/clock';
import { MARK } from '../store/keys';
import type { Redis } from '../store/redis';
import { leaveIndexes } from './index-entries';
import type { EmailQueue } from './queues';

/** A late repetition of the add must not send the email again; idempotency keys live 24 h (engine.md). Seconds. */
const GONE_KEPT = 25 * 3_600;

export interface Erase {
  /** May be repeated. Called before the job is removed, so that a crash in between leaves something to go on with. */
  (queue: EmailQueue, id: string, email: StoredEmail, archive?: StoredRaw): Promise<void>;
}

export const createErase =
  (deps: {
    redis: Redis;
    clock: Clock;
    /** Lets go of contents that an email needed. */
    releaseContent: (address: QueueAddress, id: string, contentIds: string[]) => Promise<void>;
  }): Erase =>
  async (queue, id, email, known) => {
    await deps.redis.set(queue.keys.gone(id), deps.clock.now(), 'EX', GONE_KEPT);
    await leaveIndexes(deps.redis, queue.keys, id, email);
    const archive = await deps.redis.hget(queue.keys.job(id), MARK.archive);
    const kept = archive === null ? known : (JSON.parse(archive) as StoredRaw);
    const archived = kept === undefined ? [] : [kept.contentId];
    await deps.releaseContent(queue.address, id, [...contentIdsOf(email), ...archived]);
  };
