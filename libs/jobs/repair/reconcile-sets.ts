// Compares the sets beside BullMQ's with what BullMQ holds: a foreign client or an older version does not know of them.
import { ASIDE_STATES } from '../../mail/email/state';
import { BESIDE } from '../../store/redis/keys';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import { readRecords } from '../layout/email-record';
import type { EmailQueue } from '../layout/queues';
import { ASIDE } from '../layout/layout';

// KEYS: BullMQ's prefix. ARGV: ids. Result: how many of the failed set were missing in the set of their state. Atomic, so that
// nobody releases one meanwhile.
const enterAside = defineScript(`${ASIDE}
local prefix, added = KEYS[1], 0
for _, id in ipairs(ARGV) do
  local set = redis.call('ZSCORE', prefix .. 'failed', id) and asideSet(prefix, redis.call('HGET', prefix .. id, 'failedReason'))
  if set then added = added + redis.call('ZADD', set, 0, id) end
end
return added`);

// KEYS: BullMQ's prefix. ARGV: of each email: id, when it is tried again, when it expires where an attempt was counted or ''.
// Result: how many were missing. Atomic, so that nobody takes one meanwhile.
const enterPutBack = defineScript(`
local prefix, added = KEYS[1], 0
for index = 1, #ARGV, 3 do
  local id = ARGV[index]
  if redis.call('ZSCORE', prefix .. 'delayed', id) then
    added = added + redis.call('ZADD', prefix .. '${BESIDE.putBack}', 'NX', ARGV[index + 1], id)
    if ARGV[index + 2] ~= '' then redis.call('ZADD', prefix .. '${BESIDE.deferred}', ARGV[index + 2], id) end
  end
end
return added`);

// KEYS: BullMQ's prefix. ARGV: the set beside, the set of BullMQ that it is a part of, ids of the former. Result: how many were
// not in the latter, or have another reason there. Atomic, as above.
const dropStrays = defineScript(`${ASIDE}
local prefix, dropped = KEYS[1], 0
for index = 3, #ARGV do
  local id = ARGV[index]
  local stays = redis.call('ZSCORE', prefix .. ARGV[2], id)
  if stays and ARGV[2] == 'failed' then
    stays = asideSet(prefix, redis.call('HGET', prefix .. id, 'failedReason')) == prefix .. ARGV[1]
  end
  if not stays then dropped = dropped + redis.call('ZREM', prefix .. ARGV[1], id) end
end
return dropped`);

type Scan = (key: string) => AsyncGenerator<string[]>;

/** @returns how many entries were missing or too many */
export const reconcileSets = async (redis: Redis, queue: EmailQueue, scan: Scan): Promise<number> => {
  const { bull } = queue.keys;
  let mended = 0;
  for await (const ids of scan(`${bull}failed`)) mended += Number(await enterAside(redis, [bull], ids));
  for await (const ids of scan(`${bull}delayed`)) {
    const args = (await readRecords(redis, queue, ids)).flatMap((record) => {
      if (record?.place !== 'delayed') return [];
      const { attemptsMade, nextAttemptAt = 0, sendAt, email, id } = record;
      if (attemptsMade === 0 && sendAt >= nextAttemptAt) return [];
      return [id, nextAttemptAt, attemptsMade > 0 ? Date.parse(email.expiresAt) : ''];
    });
    if (args.length > 0) mended += Number(await enterPutBack(redis, [bull], args));
  }
  const parts = [
    [BESIDE.putBack, 'delayed'],
    [BESIDE.deferred, 'delayed'],
    ...ASIDE_STATES.map((state) => [BESIDE.aside + state, 'failed'] as const),
  ] as const;
  for (const [set, whole] of parts)
    for await (const ids of scan(bull + set)) mended += Number(await dropStrays(redis, [bull], [set, whole, ...ids]));
  return mended;
};
