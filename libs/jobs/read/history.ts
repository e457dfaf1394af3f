// What is remembered of an email: its attempts and changes, lines of its job's log.
import { parseLogLine, type Attempt, type Change, type LogLine } from '../../mail/email/outcome';
import type { Redis } from '../../store/redis/redis';
import type { EmailRecord } from '../layout/email-record';
import { expiryChange } from '../transitions/expire';
import type { EmailQueue } from '../layout/queues';

export interface History {
  attempts: Attempt[];
  changes: Change[];
}

/** In the order in which they happened. */
export const readHistory = async (
  redis: Redis,
  queue: EmailQueue,
  { id, state, place, email }: EmailRecord,
): Promise<History> => {
  const history: History = { attempts: [], changes: [] };
  for (const line of await redis.lrange(queue.keys.log(id), 0, -1)) {
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

/** Adds a line to what is remembered of an email whose state does not change by it. */
export const appendToHistory = async (redis: Redis, queue: EmailQueue, id: string, line: LogLine): Promise<void> => {
  await redis.rpush(queue.keys.log(id), JSON.stringify(line));
};
