// What is remembered of an email: its attempts and changes, lines of its job's log.
import { parseLogLine, type Attempt, type Change, type LogLine } from '../../mail/email/outcome';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import type { EmailRecord } from '../layout/email-record';
import { MOST_KEPT, REMEMBER } from '../layout/email-log';
import { expiryChange } from '../transitions/expire';
import type { EmailQueue } from '../layout/queues';

export interface History {
  attempts: Attempt[];
  changes: Change[];
}

/** What a log may take in Redis besides its lines, generously: anything larger was written by an earlier version. */
const BOUNDED = 2 * MOST_KEPT;

/** Of a log that an earlier version let grow without bound the newest lines, one by one: each may be large. */
const newestLines = async (redis: Redis, key: string): Promise<string[]> => {
  const lines: string[] = [];
  for (let bytes = 0, index = -1; ; index--) {
    const line = await redis.lindex(key, index);
    bytes += line?.length ?? 0;
    if (line === null || bytes > MOST_KEPT) return lines.reverse();
    lines.push(line);
  }
};

const linesOf = async (redis: Redis, key: string): Promise<string[]> => {
  // A Redis that does not say how large it is holds one of ours.
  const size = await redis.memory('USAGE', key, 'SAMPLES', 0).catch(() => 0);
  return (size ?? 0) > BOUNDED ? newestLines(redis, key) : redis.lrange(key, 0, -1);
};

/** In the order in which they happened. */
export const readHistory = async (
  redis: Redis,
  queue: EmailQueue,
  { id, state, place, email }: EmailRecord,
): Promise<History> => {
  const history: History = { attempts: [], changes: [] };
  for (const line of await linesOf(redis, queue.keys.log(id))) {
    const read = parseLogLine(line);
    if (read === undefined) continue;
    const { kind, ...rest } = read;
    if (kind === 'attempt') history.attempts.push(rest as Attempt);
    else history.changes.push(rest as Change);
  }
  if (state === 'expired' && place !== 'failed') {
    history.changes.push(expiryChange(email.expiresAt));
  }
  return history;
};

// KEYS: the job, its log. ARGV: the line. Result: none. Atomic: how much the log holds and what it gains.
const append = defineScript(`${REMEMBER}remember(KEYS[1], ARGV[1], ARGV[1])`);

/** Adds a line to what is remembered of an email whose state does not change by it. */
export const appendToHistory = async (redis: Redis, queue: EmailQueue, id: string, line: LogLine): Promise<void> => {
  await append(redis, [queue.keys.job(id), queue.keys.log(id)], [JSON.stringify(line)]);
};
