// A queue's outbox: what happens to its emails, written by the script that makes it happen, moved on by the relay.
import { writeEvent, type EventNote } from '../../mail/email/event';
import { BESIDE } from '../../store/redis/keys';
import type { Redis } from '../../store/redis/redis';
import { announceOutbox } from '../../store/redis/outboxes';
import type { EmailQueue } from '../layout/queues';

/** In Lua: `tellEvent` writes what `eventArgument` gave. */
export const OUTBOX = `
local function tellEvent(prefix, event)
  if event ~= '' then redis.call('XADD', prefix .. '${BESIDE.outbox}', '*', 'e', event) end
end
`;

/**
 * Before the change: the relay is told where to look, first of all that there may be something at all.
 * @returns what the scripts take: '' where nobody listens
 */
export const eventArguments = async (
  redis: Redis,
  queue: EmailQueue,
  notes: () => EventNote[],
): Promise<string[] | undefined> => {
  if (!(await queue.listened())) return undefined;
  await announceOutbox(redis, queue.name);
  return notes().map(writeEvent);
};

/** The same for one. */
export const eventArgument = async (redis: Redis, queue: EmailQueue, note: EventNote | undefined): Promise<string> => {
  if (note === undefined) return '';
  const [written = ''] = (await eventArguments(redis, queue, () => [note])) ?? [];
  return written;
};
