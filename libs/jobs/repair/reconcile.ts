// Compares what a queue holds with itself: every email in one place, indexed, announced; mends what is not so.
import { readStored } from '../../mail/email/stored-email';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import { announceWaiting } from '../traces/archive-copies';
import type { Schedule } from '../layout/schedule';
import { idTime, isEmailId } from '../layout/email-id';
import { readRecords } from '../layout/email-record';
import { addressMembers, enterIndexes, memberId, MESSAGE_IDS, takeOverIndex } from '../layout/index-entries';
import { enterWhereabouts } from './repair-whereabouts';
import { reconcileCauses, type SettingsOf } from './reconcile-causes';
import { reconcileSets } from './reconcile-sets';
import { readQueueDepth } from '../read/queue-depth';
import type { EmailQueue } from '../layout/queues';
import { LAYOUT } from '../layout/layout';
import { createDropOrphanedContents, type OrphanedContentsDeps } from './orphaned-contents';

/** What was found wrong, and mended. */
export interface Findings {
  /** Emails that stood in no place of BullMQ: put back. */
  homeless: number;
  /** Emails that no list would have shown: indexed. */
  unlisted: number;
  /** Entries of emails that are not there: taken away. */
  dangling: number;
  /** Emails that the queue's counts took for others than they are: counted as what they are. */
  miscounted: number;
  /** Contents that were claimed for emails that are not there: let go of. */
  unneeded: number;
  /** The queue had work that nobody had announced. */
  unannounced: number;
}

export const NOTHING_FOUND: Readonly<Findings> = {
  homeless: 0,
  unlisted: 0,
  dangling: 0,
  miscounted: 0,
  unneeded: 0,
  unannounced: 0,
};

const CHUNK = 500;
/** What is younger may be under way between two of its steps. */
const SETTLED_MS = 60_000;
const SETS = ['prioritized', 'delayed', 'completed', 'failed'] as const;

// KEYS: BullMQ's prefix. ARGV: id, now, when it is due (ms since 1970, both). Result: 1 where the email was in no place and is back in one, else 0. Atomic, so
// that an email in motion is left alone. LPOS looks through the whole waiting list: only for the suspects.
const rehome = defineScript(`${LAYOUT}
local prefix, id, now = KEYS[1], ARGV[1], tonumber(ARGV[2])
if place(prefix, id) ~= 'waiting' then return 0 end
if redis.call('LPOS', prefix .. 'wait', id) or redis.call('LPOS', prefix .. 'paused', id) then return 0 end
redis.call('HDEL', prefix .. id, 'finishedOn', 'failedReason')
enter(prefix, id, tonumber(ARGV[3]), now)
return 1`);

// Commands of their own, no pipelines: one that fails, or meets a slot that moves, must not look as if nothing were there.
const exist = async (redis: Redis, queue: EmailQueue, ids: string[]): Promise<boolean[]> =>
  (await Promise.all(ids.map((id) => redis.exists(queue.keys.job(id))))).map((found) => found === 1);

/** Emails that BullMQ has and the index by time has not. */
const index = async (redis: Redis, queue: EmailQueue, ids: string[], findings: Findings): Promise<void> => {
  const { byTime, job } = queue.keys;
  const answers = await Promise.all(ids.flatMap((id) => [redis.zscore(byTime, id), redis.hget(job(id), 'data')]));
  const missing = ids.flatMap((id, position) => {
    const [score, data] = [answers[position * 2], answers[position * 2 + 1]];
    return score === null && typeof data === 'string' && isEmailId(id) ? [{ id, email: readStored(data) }] : [];
  });
  await enterMessageIds(redis, queue, ids, answers);
  if (missing.length === 0) return;
  await enterIndexes(redis, queue.keys, missing);
  findings.unlisted += missing.length;
};

/** Versions before did not index Message-IDs that complete messages brought. @param answers of each id: its score, its data */
const enterMessageIds = async (
  redis: Redis,
  queue: EmailQueue,
  ids: string[],
  answers: (string | null)[],
): Promise<void> => {
  const members = ids.flatMap((id, position) => {
    const data = answers[position * 2 + 1];
    if (typeof data !== 'string' || !data.includes('"messageId"') || !isEmailId(id)) return [];
    return addressMembers(id, readStored(data)).filter((member) => member.startsWith(MESSAGE_IDS));
  });
  if (members.length > 0) await redis.zadd(queue.keys.byAddress, ...members.flatMap((member) => [0, member]));
};

const indexAll = async (redis: Redis, queue: EmailQueue, findings: Findings): Promise<void> => {
  for (const set of SETS)
    for await (const ids of scan(redis, `${queue.keys.bull}${set}`)) await index(redis, queue, ids, findings);
  const waiting = await redis.lrange(`${queue.keys.bull}wait`, 0, -1);
  for (let from = 0; from < waiting.length; from += CHUNK)
    await index(redis, queue, waiting.slice(from, from + CHUNK), findings);
};

/** What is counted by sets beside BullMQ's own. @returns how many entries were wrong */
const countAnew = async (deps: Parameters<typeof reconcileCauses>[0], queue: EmailQueue, now: number) => {
  const { redis } = deps;
  const scanKey = (key: string): ReturnType<typeof scan> => scan(redis, key);
  const inSets = await reconcileSets(redis, queue, scanKey);
  return inSets + (await reconcileCauses(deps, queue, scanKey, now));
};

/**
 * @param deps.settled ms after which an email is under way no more
 */
export const createReconcile = (
  deps: OrphanedContentsDeps & { schedule: Schedule; settled?: number; settingsOf: SettingsOf },
) => {
  const { redis, schedule, settled: settledMs = SETTLED_MS } = deps;
  const dropUnneeded = createDropOrphanedContents(deps);

  /** Entries of the two indexes whose email is not there. */
  const dropDangling = async (queue: EmailQueue, findings: Findings): Promise<void> => {
    for (const [key, idOf] of [
      [queue.keys.byTime, (member: string) => member],
      [queue.keys.byAddress, memberId],
    ] as const) {
      for await (const members of scan(redis, key)) {
        const settled = members.filter((member) => idTime(idOf(member)) < deps.now() - settledMs);
        const found = await exist(redis, queue, settled.map(idOf));
        const gone = settled.filter((_, index) => found[index] === false);
        if (gone.length === 0) continue;
        await redis.zrem(key, ...gone);
        findings.dangling += gone.length;
      }
    }
  };

  /** Emails that are in the index by time and in no place of BullMQ. */
  const rehomeAll = async (queue: EmailQueue, findings: Findings): Promise<void> => {
    const waiting = new Set(await redis.lrange(`${queue.keys.bull}wait`, 0, -1));
    for await (const members of scan(redis, queue.keys.byTime)) {
      const asked = members.flatMap((id) => SETS.map((set) => redis.zscore(`${queue.keys.bull}${set}`, id)));
      const scores = await Promise.all(asked);
      const inSet = (index: number): boolean =>
        scores.slice(index * SETS.length, (index + 1) * SETS.length).some((score) => score !== null);
      for (const [index, id] of members.entries()) {
        if (waiting.has(id) || inSet(index) || idTime(id) >= deps.now() - settledMs) continue;
        const [record] = await readRecords(redis, queue, [id]);
        if ((await rehome(redis, [queue.keys.bull], [id, deps.now(), record?.sendAt ?? 0])) === 1) findings.homeless++;
      }
    }
  };

  const announce = async (queue: EmailQueue, findings: Findings): Promise<void> => {
    const peek = await readQueueDepth(redis, queue);
    const work =
      peek.active > 0 || (!peek.paused && peek.waiting > 0) ? deps.now() : peek.paused ? undefined : peek.nextDelayedAt;
    if (work === undefined || (await schedule.isAnnounced(queue.name, work))) return;
    await schedule.announce(queue.name, work);
    findings.unannounced++;
  };

  /** Looks through one queue. Its cost grows with what the queue holds: run it rarely. */
  return async (queue: EmailQueue): Promise<Findings> => {
    const findings: Findings = { ...NOTHING_FOUND };
    await takeOverIndex(redis, queue.keys);
    await dropDangling(queue, findings);
    findings.unneeded = await dropUnneeded(queue);
    await announceWaiting(redis, queue);
    await rehomeAll(queue, findings);
    await indexAll(redis, queue, findings);
    await enterWhereabouts(redis, queue, deps.now());
    findings.miscounted = await countAnew(deps, queue, deps.now());
    await announce(queue, findings);
    return findings;
  };
};

/** The members of a sorted set, some at a time. */
async function* scan(redis: Redis, key: string): AsyncGenerator<string[]> {
  let cursor = '0';
  do {
    const [next, pairs] = await redis.zscan(key, cursor, 'COUNT', CHUNK);
    cursor = next;
    const members = pairs.filter((_, index) => index % 2 === 0);
    if (members.length > 0) yield members;
  } while (cursor !== '0');
}
