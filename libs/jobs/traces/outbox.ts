// A queue's outbox: what happens to its emails, written by the script that makes it happen, moved on by the relay.
import { writeEvent, type EventNote } from '../../mail/email/event';
import { uptime } from '../../runtime/clock';
import { BESIDE, KEYS } from '../../store/redis/keys';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import type { EmailQueue } from '../layout/queues';

/** In Lua: `tellEvent` writes what `eventArgument` gave. */
export const OUTBOX = `
local function tellEvent(prefix, event)
  if event ~= '' then redis.call('XADD', prefix .. '${BESIDE.outbox}', '*', 'e', event) end
end
`;

const SAID_AGAIN_MS = 5 * 60_000;
/** Queues with news are named to the relay together, after this. ms */
const NAMED_AFTER_MS = 50;

// KEYS: the outboxes. ARGV: name. Result: 1. By Redis' own clock, which the relay compares with.
const say = defineScript(`
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], 'GT', time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
return 1`);

/** When this process said last that the outbox may hold something, by its uptime in ms. */
const said = new WeakMap<EmailQueue, number>();
const news = new WeakMap<Redis, Set<string>>();

const nameToRelay = (redis: Redis, name: string): void => {
  const known = news.get(redis);
  if (known !== undefined) return void known.add(name);
  const names = new Set([name]);
  news.set(redis, names);
  setTimeout(() => {
    news.delete(redis);
    // Where this is lost the relay finds it when it looks at every outbox.
    redis.sadd(KEYS.events.fresh, ...names).catch(() => undefined);
  }, NAMED_AFTER_MS).unref();
};

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
  const now = uptime();
  if (now >= (said.get(queue) ?? -Infinity) + SAID_AGAIN_MS) {
    await say(redis, [KEYS.events.outboxes], [queue.name]).then(
      () => said.set(queue, now),
      () => undefined,
    );
  }
  nameToRelay(redis, queue.name);
  return notes().map(writeEvent);
};

/** The same for one. */
export const eventArgument = async (redis: Redis, queue: EmailQueue, note: EventNote | undefined): Promise<string> => {
  if (note === undefined) return '';
  const [written = ''] = (await eventArguments(redis, queue, () => [note])) ?? [];
  return written;
};
