// The upkeep of emails whose time is over: unsent ones expire, kept ones go, with everything that belongs to them.
import { parseQueueName } from '../../libs/mail/address/queue-address';
import type { ResolvedSettings } from '../../libs/mail/settings/settings';
import type { StoredEmail } from '../../libs/mail/email/stored-email';
import { replaceTime } from '../../libs/jobs/layout/schedule';
import { readRecords, type EmailRecord } from '../../libs/jobs/layout/email-record';
import { expireEmail } from '../../libs/jobs/transitions/expire';
import type { EmailQueue, Queues } from '../../libs/jobs/layout/queues';
import type { Removal } from '../../libs/jobs/transitions/removal';
import { createMailLog } from '../../libs/events/mail-log';
import type { Clock } from '../../libs/runtime/clock';
import type { Log } from '../../libs/runtime/log';
import type { ContentRefs } from '../../libs/store/contents/content-refs';
import { KEYS } from '../../libs/store/redis/keys';
import type { Redis } from '../../libs/store/redis/redis';

export interface SweepDeps {
  redis: Redis;
  clock: Clock;
  log: Log;
  queues: Queues;
  refs: ContentRefs;
  removal: Removal;
  removeContent: (contentId: string) => Promise<void>;
  settingsOf: (queue: EmailQueue, email: StoredEmail) => Promise<ResolvedSettings>;
}

const DAY = 86_400_000;
const QUEUES_AT_ONCE = 200;
const EMAILS_AT_ONCE = 500;
/** An email in an attempt is looked at again after this. */
const IN_WORK_MS = 30_000;
/** A queue whose sweep ended in the middle is swept again after this. */
const LOST_MS = 60_000;

export interface Swept {
  expired: number;
  removed: number;
}

/** What the service does by itself is told like what people do. */
const createTell = (log: Log) => {
  const mailLog = createMailLog(log);
  return ({ address }: EmailQueue, id: string, what: 'expired' | 'erased'): void =>
    mailLog.changed({ id, address }, { by: 'the service', what });
};

/** @returns a function that does what is due now; repeating it does no harm */
export const createSweep = (deps: SweepDeps): (() => Promise<Swept>) => {
  const { redis, clock } = deps;
  const tell = createTell(deps.log);

  /** When a finished email has to go, by the settings of now. */
  const removalOf = (record: EmailRecord, settings: ResolvedSettings): number => {
    const days = record.state === 'sent' ? settings.history.days : settings.errors.days;
    return (record.finishedAt ?? record.acceptedAt) + days * DAY;
  };

  const expire = async (
    queue: EmailQueue,
    record: EmailRecord,
    settings: ResolvedSettings,
    now: number,
  ): Promise<boolean> => {
    const refusal = await expireEmail(redis, queue, record, now + settings.errors.days * DAY);
    if (refusal === 'sending') await redis.zadd(queue.keys.upkeep, now + IN_WORK_MS, record.id);
    return refusal === undefined;
  };

  /** One email whose entry is due: the entry may be older than a correction, or than a version that kept all in one set. */
  const attend = async (queue: EmailQueue, record: EmailRecord, now: number, swept: Swept): Promise<void> => {
    const { upkeep, finished } = queue.keys;
    const again = (at: number): Promise<unknown> => redis.zadd(upkeep, at, record.id);
    const settings = await deps.settingsOf(queue, record.email);
    if (record.place === 'active') return void (await again(now + IN_WORK_MS));
    if (record.place === 'completed' || record.place === 'failed') {
      const removal = removalOf(record, settings);
      if (removal > now)
        return void (await redis.multi().zrem(upkeep, record.id).zadd(finished, removal, record.id).exec());
      if ((await deps.removal.remove(queue, record.id)) !== undefined) return;
      swept.removed++;
      return tell(queue, record.id, 'erased');
    }
    const expiresAt = Date.parse(record.email.expiresAt);
    if (expiresAt > now) return void (await again(expiresAt));
    if (!(await expire(queue, record, settings, now))) return;
    swept.expired++;
    tell(queue, record.id, 'expired');
  };

  const sweepQueue = async (queue: EmailQueue, swept: Swept): Promise<void> => {
    const now = clock.now();
    await deps.refs.releaseUploads(queue.address, deps.removeContent);
    for (const entries of [queue.keys.upkeep, queue.keys.finished]) await sweepEntries(queue, entries, now, swept);
  };

  const sweepEntries = async (queue: EmailQueue, entries: string, now: number, swept: Swept): Promise<void> => {
    for (;;) {
      const ids = await redis.zrangebyscore(entries, '-inf', now, 'LIMIT', 0, EMAILS_AT_ONCE);
      const records = await readRecords(redis, queue, ids, now);
      for (const [index, record] of records.entries()) {
        const id = ids[index] ?? '';
        if (record !== undefined) await attend(queue, record, now, swept);
        // An entry without a job: its removal was interrupted, or its add failed.
        else if (await deps.removal.resume(queue, id)) swept.removed++;
        else await redis.multi().zrem(entries, id).zrem(queue.keys.byTime, id).exec();
      }
      if (ids.length < EMAILS_AT_ONCE) return;
    }
  };

  /** When something in the queue is due next, ms since 1970. */
  const nextIn = async (queue: EmailQueue): Promise<number | undefined> => {
    const { upkeep, finished, uploads } = queue.keys;
    const firsts = await Promise.all([upkeep, finished, uploads].map((key) => redis.zrange(key, 0, '0', 'WITHSCORES')));
    const times = firsts.flatMap(([, score]) => (score === undefined ? [] : [Number(score)]));
    return times.length === 0 ? undefined : Math.min(...times);
  };

  /**
   * The queue is never out of the installation's list while something is in it: whoever dies here leaves it for a later
   * look. What was entered while it stood there is seen by the second reading, or told after it.
   */
  const scheduleNext = async (name: string, queue: EmailQueue): Promise<void> => {
    const meanwhile = clock.now() + LOST_MS;
    await redis.zadd(KEYS.upkeep, meanwhile, name);
    await replaceTime(redis, [KEYS.upkeep], [name, (await nextIn(queue)) ?? '', meanwhile]);
    const next = await nextIn(queue);
    if (next !== undefined) await redis.zadd(KEYS.upkeep, 'LT', next, name);
  };

  return async () => {
    const swept: Swept = { expired: 0, removed: 0 };
    const due = await redis.zrangebyscore(KEYS.upkeep, '-inf', clock.now(), 'LIMIT', 0, QUEUES_AT_ONCE);
    for (const name of due) {
      const address = parseQueueName(name);
      if (address === undefined) {
        await redis.zrem(KEYS.upkeep, name);
        continue;
      }
      const queue = deps.queues.open(address);
      await sweepQueue(queue, swept);
      await scheduleNext(name, queue);
    }
    if (swept.expired + swept.removed > 0) deps.log.info(swept, 'swept');
    return swept;
  };
};
