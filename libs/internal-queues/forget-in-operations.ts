// Takes a person out of what an internal queue keeps of a tenant's operations: their orders, and what came of them.
import type { JobType, Queue } from 'bullmq';
import type { PersonWords } from '../mail/erasure/person-words';
import type { Redis } from '../store/redis/redis';
import { defineScript } from '../store/redis/script';

// KEYS: the job. ARGV: pairs of field and value. Result: 1, or 0 where it is not there. Atomic: one whose time is over does not come back.
const rewrite = defineScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV))
return 1`);

/** Fields of BullMQ's that may name somebody; all but the reason are JSON. */
const FIELDS = ['data', 'progress', 'returnvalue', 'stacktrace', 'failedReason'];
const isOver = (state: string): boolean => state === 'completed' || state === 'failed';

/** All places in which BullMQ keeps an operation. Those that are listed no more are kept for a while, too. */
const PLACES: JobType[] = ['completed', 'failed', 'active', 'waiting', 'prioritized', 'delayed'];

/** What it has found so far stands nowhere until its end; every other one says so before it goes on. */
const triesOnly = ({ data = '{}' }: Record<string, string>): boolean =>
  (JSON.parse(data) as { dryRun?: boolean }).dryRun === true;

const fieldsWithout = (job: Record<string, string>, words: PersonWords): string[] =>
  FIELDS.flatMap((name) => {
    const text = job[name];
    if (text === undefined) return [];
    if (name === 'failedReason') return words.areIn(text) ? [name, words.takenOutOf(text)] : [];
    const value = JSON.parse(text) as unknown;
    return words.areIn(value) ? [name, JSON.stringify(words.takenOutOf(value))] : [];
  });

/** @returns as `Operations.forget` */
export const forgetIn = async (
  redis: Redis,
  queue: Queue,
  tenant: string,
  words: PersonWords,
  dryRun: boolean,
  before: number,
): Promise<{ over: number; underWay: number }> => {
  const found = { over: 0, underWay: 0 };
  for (const id of await queue.getRanges(PLACES, 0, -1)) {
    const key = queue.toKey(id);
    // An operation's name is its tenant's.
    if ((await redis.hget(key, 'name')) !== tenant) continue;
    const job = await redis.hgetall(key);
    if (Number(job['timestamp']) > before) continue;
    const fields = fieldsWithout(job, words);
    const state = await queue.getJobState(id);
    if (!isOver(state)) {
      if (fields.length > 0 || (state === 'active' && triesOnly(job))) found.underWay++;
      continue;
    }
    if (fields.length === 0) continue;
    found.over++;
    if (!dryRun) await rewrite(redis, [key], fields);
  }
  // Each saved progress stands there, too; nobody reads them.
  if (found.over > 0 && !dryRun) await queue.trimEvents(0);
  return found;
};
