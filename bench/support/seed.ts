// Fills a queue's history at once: one email that was really sent is copied, key by key, as often as wanted.
import { addressMembers } from '../../libs/jobs/layout/index-entries';
import { idBound } from '../../libs/jobs/layout/email-id';
import { queueKeys } from '../../libs/store/redis/keys';
import type { Redis } from '../../libs/store/redis/redis';
import { defineScript } from '../../libs/store/redis/script';

const DAY = 86_400_000;
const BATCH = 1_000;
/** The email of the stencil is kept so long (the usual history). */
const KEPT = 30 * DAY;

// KEYS: job and log of the stencil, completed, by time, by address, finished. ARGV: how keys begin, the stencil's recipient, how
// long kept, then four of each copy: id, time, recipient, member by address. Result: how many. One round trip for a thousand.
const copyEmails = defineScript(`
local job, log = redis.call('HGETALL', KEYS[1]), redis.call('LRANGE', KEYS[2], 0, -1)
local pattern = ARGV[2]:gsub('%p', '%%%0')
for index = 4, #ARGV, 4 do
  local id, time, recipient, member = ARGV[index], ARGV[index + 1], ARGV[index + 2], ARGV[index + 3]
  local copy = {}
  for field = 1, #job, 2 do
    local name, value = job[field], job[field + 1]
    if name == 'data' then value = value:gsub(pattern, recipient) end
    if name == 'timestamp' or name == 'processedOn' or name == 'finishedOn' then value = time end
    copy[field], copy[field + 1] = name, value
  end
  redis.call('HSET', ARGV[1] .. id, unpack(copy))
  for _, line in ipairs(log) do redis.call('RPUSH', ARGV[1] .. id .. ':logs', line) end
  redis.call('ZADD', KEYS[3], time, id)
  redis.call('ZADD', KEYS[4], 0, id)
  redis.call('ZADD', KEYS[5], 0, member)
  redis.call('ZADD', KEYS[6], time + ARGV[3], id)
end
return (#ARGV - 3) / 4`);

/** Kinds of keys that an email which was sent leaves behind; a new one must be copied as well. */
const KNOWN_KEYS = ['by-time', 'by-domain', 'finished', 'completed', 'meta', 'events', 'id', 'marker', 'pc'];

/** What is counted by hour and day belongs to the queue and to no email. */
const TALLIES = /:tallies:[hd]\d+$/;

const requireKnownKeys = async (redis: Redis, prefix: string, id: string): Promise<void> => {
  const ends = (await redis.keys(`${prefix}*`)).map((key) => key.slice(key.lastIndexOf('}:') + 2));
  const strange = ends.filter(
    (end) => !end.includes(id) && !TALLIES.test(end) && !KNOWN_KEYS.includes(end.split(':').pop() ?? ''),
  );
  if (strange.length > 0)
    throw new Error(`a sent email leaves ${strange.join(', ')}: copy it in bench/support/seed.ts`);
};

/**
 * Copies the only email of a queue, which was sent to `recipient`. Times are spread over the 30 days before now.
 * @param recipientOf the address of the n-th copy
 */
export const seedHistory = async (
  redis: Redis,
  address: { tenant: string; application: string },
  { recipient, copies, recipientOf }: { recipient: string; copies: number; recipientOf: (n: number) => string },
): Promise<void> => {
  const keys = queueKeys(address);
  const [id = ''] = await redis.zrange(`${keys.bull}completed`, 0, '-1');
  await requireKnownKeys(redis, keys.byTime.slice(0, keys.byTime.lastIndexOf(':')), id);
  const sets = [`${keys.bull}completed`, keys.byTime, keys.byAddress, keys.finished];
  const begin = Date.now() - KEPT;
  for (let from = 0; from < copies; from += BATCH) {
    const rows = Array.from({ length: Math.min(BATCH, copies - from) }, (_, index) => {
      const n = from + index;
      const time = begin + Math.floor((n * KEPT) / copies);
      const to = recipientOf(n);
      const copyId = idBound(time);
      return [copyId, time, to, ...addressMembers(copyId, { to: [{ address: to }] })];
    });
    await copyEmails(redis, [keys.job(id), keys.log(id), ...sets], [keys.bull, recipient, KEPT, ...rows.flat()]);
  }
};
