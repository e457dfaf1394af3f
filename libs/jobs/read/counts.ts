// How full a queue is, by state, and since when its oldest due email waits: what its lists would show, without reading an email.
import type { State } from '../../mail/email/state';
import type { QueueAddress } from '../../mail/address/queue-address';
import { ASIDE_STATES } from '../../mail/email/state';
import { BESIDE, queueKeys, SCORE_UNIT } from '../../store/redis/keys';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import { idTime } from '../layout/email-id';
import type { EmailQueue } from '../layout/queues';

export type QueueCounts = Record<State, number>;

export interface QueueStatus {
  counts: QueueCounts;
  paused: boolean;
  /** When the oldest of those that are due was accepted, ms since 1970. */
  oldestDueAt?: number;
}

// What waits is in one of three groups: `deferred` (BESIDE.deferred), `scheduled` (delayed to a time to come, not put back), and
// the rest, which is queued. Each loses those that are expired: no scheduled one is, since an email expires after its time.
// The active ones, as many as workers have places, are the only ones that are looked at one by one.
// KEYS: BullMQ's prefix, upkeep. ARGV: now, states of the failed set. Result: {paused, oldest of high priority or '', oldest of
// the others or '', scheduled, queued, sending, deferred, sent, failed, expired in place, then of each state its number}.
// Atomic, so that an email in motion is counted once.
const readCounts = defineScript(`
local prefix, now = KEYS[1], tonumber(ARGV[1])
local function size(set) return redis.call('ZCARD', prefix .. set) end
local function after(set, time) return redis.call('ZCOUNT', prefix .. set, time, '+inf') end
local active = redis.call('LRANGE', prefix .. 'active', 0, -1)
local expired = redis.call('ZCOUNT', KEYS[2], '-inf', now)
if expired > 0 then
  for _, id in ipairs(active) do
    local at = redis.call('ZSCORE', KEYS[2], id)
    if at and tonumber(at) <= now then expired = expired - 1 end
  end
end
local waiting = redis.call('LLEN', prefix .. 'wait') + size('prioritized')
local scheduled = math.max(0, after('delayed', (now + 1) * ${SCORE_UNIT}) - after('${BESIDE.putBack}', now + 1))
local deferred = size('${BESIDE.deferred}')
local alive = after('${BESIDE.deferred}', now + 1)
local queued = waiting + size('delayed') - scheduled - deferred - (expired - (deferred - alive))
local result = {redis.call('HEXISTS', prefix .. 'meta', 'paused'), redis.call('LINDEX', prefix .. 'wait', -1) or '',
  redis.call('ZRANGE', prefix .. 'prioritized', 0, 0)[1] or '',
  scheduled, math.max(0, queued), #active, alive, size('completed'), size('failed'), expired}
for index = 2, #ARGV do result[#result + 1] = size('${BESIDE.aside}' .. ARGV[index]) end
return result`);

type Answer = [paused: number, high: string, first: string, ...counts: number[]];

/** @param now ms since 1970; states depend on it */
export const readStatus = async (redis: Redis, queue: EmailQueue, now: number): Promise<QueueStatus> => {
  const { bull, upkeep } = queue.keys;
  const [paused, high, first, ...counts] = (await readCounts(redis, [bull, upkeep], [now, ...ASIDE_STATES])) as Answer;
  const [scheduled = 0, queued = 0, sending = 0, deferred = 0, sent = 0, failed = 0, inPlace = 0, ...aside] = counts;
  const [held = 0, uncertain = 0, expired = 0, canceled = 0] = aside;
  // Waiting lists are in the order of acceptance within a priority; a released or recovered email may stand out of it.
  const times = [high, first].filter((id) => id !== '').map(idTime);
  return {
    counts: {
      scheduled,
      queued,
      sending,
      deferred,
      held,
      uncertain,
      sent,
      failed: Math.max(0, failed - held - uncertain - expired - canceled),
      expired: expired + inPlace,
      canceled,
    },
    paused: paused === 1,
    ...(times.length > 0 && { oldestDueAt: Math.min(...times) }),
  };
};

/** How many emails of these queues are not sent yet: waiting for their time, due, or in work. */
export const countUnsent = async (redis: Redis, queues: QueueAddress[]): Promise<number> => {
  // No pipeline: the queues lie in different slots.
  const counts = queues.flatMap((queue) => {
    const { bull } = queueKeys(queue);
    return [
      redis.llen(`${bull}wait`),
      redis.llen(`${bull}active`),
      redis.zcard(`${bull}prioritized`),
      redis.zcard(`${bull}delayed`),
    ];
  });
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
};
