// Whose operation is next: the queue of a kind as a line in which tenants take turns, bounded for each of them.
import { DelayedError, type Job, type Queue } from 'bullmq';
import { uptime } from '../runtime/clock';
import { KEYS } from '../store/redis/keys';
import type { Redis } from '../store/redis/redis';
import { defineScript } from '../store/redis/script';
import type { Bound } from '../store/registries/bound';

/** Operations are looked up for a week. Seconds. */
export const KEPT = 7 * 86_400;
/** Where others wait, an operation goes on for so long and then to the end of the line. */
const SLICE_MS = 200;
/** An operation that a crash left among those that wait is not counted after this. */
const COUNTED_MS = 86_400_000;
/** BullMQ knows no larger number; the lowest is first. */
const LAST_PRIORITY = 2_097_151;
/** Long past by any clock: who goes to the end of the line waits for no time. */
const AT_ONCE = 1;

// KEYS: the tenant's operations that are not done with, those that are kept. ARGV: id, now, since when the first and since when the
// others count, how many there may be. Result: {how many are not done with, this one among them, the ids that made room...}, or {0}
// where none could. Atomic: of many at once no more come in than there is room for.
const joinLine = defineScript(`
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[4])
local over = redis.call('ZCARD', KEYS[2]) + 1 - tonumber(ARGV[5])
local gone = {}
if over > 0 then
  for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    if #gone < over and not redis.call('ZSCORE', KEYS[1], id) then gone[#gone + 1] = id end
  end
  if #gone < over then return {0} end
  for _, id in ipairs(gone) do redis.call('ZREM', KEYS[2], id) end
end
for index = 1, 2 do
  redis.call('ZADD', KEYS[index], ARGV[2], ARGV[1])
  redis.call('PEXPIRE', KEYS[index], ARGV[2] - ARGV[index + 2])
end
return {redis.call('ZCARD', KEYS[1]), unpack(gone)}`);

/**
 * Who is next: the first operation of each tenant before the second of any, and nobody goes on for long while others wait.
 * @param all the queues of every kind: what makes room may be of another one
 */
export const createLine = (redis: Redis, queue: Queue, all: Queue[]) => ({
  /** @returns the place of the tenant's next operation; the lowest is first. @param now ms. @throws Problem of the bound */
  async join(tenant: string, id: string, now: number, bound: Bound): Promise<number> {
    const keys = [KEYS.pendingOperations(tenant), KEYS.keptOperations(tenant)];
    const args = [id, now, now - COUNTED_MS, now - KEPT * 1_000, bound.most];
    const [place, ...gone] = (await joinLine(redis, keys, args)) as [number, ...string[]];
    if (place === 0) throw bound.refuse();
    // What fails here is removed when its week is over.
    for (const old of gone) for (const one of all) await one.remove(old).catch(() => undefined);
    return Math.min(LAST_PRIORITY, place);
  },
  /** It is done with. Its name is its tenant's. */
  async leave({ id = '', name }: Job): Promise<void> {
    await redis.zrem(KEYS.pendingOperations(name), id).catch(() => undefined);
  },
  /** Makes way for others, once the slice is used up. @throws DelayedError when it did */
  async makeWay({ id = '' }: Job, token: string, begun: number): Promise<void> {
    if (uptime() - begun < SLICE_MS || (await queue.getPrioritizedCount()) === 0) return;
    await this.putBack(id, token);
  },
  /** To the end of the line. @throws DelayedError */
  async putBack(id: string, token: string): Promise<never> {
    await queue.backend.moveToDelayed(id, AT_ONCE, 0, token, { skipAttempt: true });
    throw new DelayedError();
  },
});

export type Line = ReturnType<typeof createLine>;
