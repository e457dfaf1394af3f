// What an SMTP server allows, counted for all replicas: emails in a second, minute, hour, day, and connections at once.
import type { TransportLimits } from '../mail/transport';
import type { Clock } from '../runtime/clock';
import type { Changes } from './changes';
import { createConnectionRights, type Right } from './connection-rights';
import type { Lowered, RightsKeys } from './connection-scripts';
import type { Sockets } from './sockets';
import { tenantKeys } from './keys';
import type { Redis } from './redis';
import { defineScript } from './script';

/** The right to one attempt by a transport. */
export interface Admission {
  transport: string;
  /** The attempt is over; its connection may be used by the next one. */
  end: () => void;
  /** No server was asked for anything: as if it had never been asked for. May be said again. */
  cancel: () => void;
  /** The server would not have the connection, which is closed: fewer are used for a while, by all replicas. */
  refused: (words: string) => Promise<Lowered>;
}

/** When to ask again (ms since 1970). */
export interface Refusal {
  until: number;
  /** The transport, where all of its connections are in use: ask again as soon as one is free. */
  full?: string;
}

export interface Limits {
  admit(tenant: string, transport: string, limits: TransportLimits | undefined): Promise<Admission | Refusal>;
  /** When the transport lets the next email out (ms since 1970), where that is not now. */
  read(tenant: string, transport: string, limits: TransportLimits | undefined): Promise<number | undefined>;
  /** A connection that is for no email: waits for the right to it. @returns gives it back @throws the signal's reason */
  connect(
    tenant: string,
    transport: string,
    limits: TransportLimits | undefined,
    signal: AbortSignal,
  ): Promise<() => void>;
  /** The server has refused connections lately: since when (ms since 1970), and in which words. */
  lowered(tenant: string, transport: string): Promise<{ since: number; words: string } | undefined>;
  /** The transport was put anew: what its server refused before does not count. */
  reset(tenant: string, transport: string): Promise<void>;
  /** What this replica has open, for whoever opens connections. */
  sockets: Sockets;
  stop(): Promise<void>;
}

/** A window is counted in slices; the one that leaves it only in part counts whole, so no window ever holds more. */
const WINDOWS = [
  { limit: 'perSecond', slice: 100, slices: 10 },
  { limit: 'perMinute', slice: 1_000, slices: 60 },
  { limit: 'perHour', slice: 60_000, slices: 60 },
  { limit: 'perDay', slice: 900_000, slices: 96 },
] as const;

/** Counts outlive the longest window by a little. Seconds. */
const KEPT = 90_000;

// KEYS: counts. ARGV: 1 to take or 0 to look, how long counts are kept, then per window its name, slice, number of slices
// and limit. Result: {when to ask again or '0', now}, both by Redis' clock. Atomic, so that all replicas together take no
// more than is allowed; by Redis' own clock, since theirs may differ.
const take = defineScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local counts, old, till = {}, {}, 0
local raw = redis.call('HGETALL', KEYS[1])
for index = 1, #raw, 2 do counts[raw[index]] = tonumber(raw[index + 1]) end
local function field(name, slice) return name .. ':' .. string.format('%.0f', slice) end
for at = 3, #ARGV, 4 do
  local name, slice, slices, limit = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local current, sum = math.floor(now / slice), 0
  for key, count in pairs(counts) do
    if string.sub(key, 1, #name + 1) == name .. ':' then
      if current - tonumber(string.sub(key, #name + 2)) > slices then old[#old + 1] = key else sum = sum + count end
    end
  end
  for age = slices, 0, -1 do
    if sum < limit then break end
    local count = counts[field(name, current - age)] or 0
    sum = sum - count
    if count > 0 then till = math.max(till, (current - age + slices + 1) * slice) end
  end
end
if till == 0 and ARGV[1] == '1' then
  for at = 3, #ARGV, 4 do
    redis.call('HINCRBY', KEYS[1], field(ARGV[at], math.floor(now / tonumber(ARGV[at + 1]))), 1)
  end
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
for index = 1, #old do redis.call('HDEL', KEYS[1], old[index]) end
return {string.format('%.0f', till), string.format('%.0f', now)}`);

type Window = [name: string, slice: number, slices: number, limit: number];

const windowsOf = (limits: TransportLimits): Window[] =>
  WINDOWS.flatMap(({ limit, slice, slices }): Window[] => {
    const most = limits[limit];
    return most === undefined ? [] : [[limit, slice, slices, most]];
  });

/**
 * @param deps.changes tells replicas that let a transport have any number of connections that its server will not have them
 */
export const createLimits = (deps: { redis: Redis; clock: Clock; replica: string; changes: Changes }): Limits => {
  const { redis, clock, changes } = deps;
  const rights = createConnectionRights(deps);

  const countsOf = (tenant: string, transport: string): string => tenantKeys(tenant).limits(transport);
  const keysOf = (tenant: string, transport: string): RightsKeys => ({
    rights: `${countsOf(tenant, transport)}:connections`,
    lowered: tenantKeys(tenant).lowered(transport),
  });
  const isLowered = changes.cached('lowered', async (id) => {
    const [tenant = '', transport = ''] = id.split('/');
    return (await redis.exists(tenantKeys(tenant).lowered(transport))) === 1;
  });
  changes.onChange((kind, id) => {
    const [tenant = '', transport = ''] = id.split('/');
    // What is not counted now is counted as it comes.
    if (kind === 'lowered') rights.adopt(id, keysOf(tenant, transport)).catch(() => undefined);
  });
  const needsRight = async (id: string, most: number | undefined): Promise<boolean> =>
    most !== undefined || isLowered(id);

  /** Remembers at once, on every replica, that the server refused a connection. */
  const refuse = async (id: string, refused: Right['refused'], words: string): Promise<Lowered> => {
    const lowered = await refused(words);
    if (lowered.changed) await changes.announce('lowered', id);
    return lowered;
  };

  /** A time of Redis' clock by ours: whoever waits looks at ours. */
  const byOurClock = ([till, now]: [string, string]): number => clock.now() + Number(till) - Number(now);

  /** @returns when to ask again, or the way to take it back */
  const count = async (key: string, windows: Window[]): Promise<{ until: number } | { undo: () => void }> => {
    if (windows.length === 0) return { undo: () => undefined };
    const answer = (await take(redis, [key], [1, KEPT, ...windows.flat()])) as [string, string];
    const [till, now] = answer;
    if (till !== '0') return { until: byOurClock(answer) };
    const undo = (): void => {
      for (const [name, slice] of windows) {
        redis.hincrby(key, `${name}:${Math.floor(Number(now) / slice)}`, -1).catch(() => undefined);
      }
    };
    return { undo };
  };

  return {
    async admit(tenant, transport, limits = {}) {
      const id = `${tenant}/${transport}`;
      const keys = keysOf(tenant, transport);
      const most = limits.connections;
      const right = (await needsRight(id, most)) ? await rights.take(id, keys, most) : rights.free(id, keys);
      if ('until' in right) return { ...right, full: transport };
      const counted = await count(countsOf(tenant, transport), windowsOf(limits));
      if ('until' in counted) {
        right.giveBack();
        return counted;
      }
      let canceled = false;
      const cancel = (): void => {
        right.giveBack();
        if (!canceled) counted.undo();
        canceled = true;
      };
      const refused = (words: string): Promise<Lowered> => refuse(id, right.refused, words);
      return { transport, end: right.giveBack, cancel, refused };
    },
    async read(tenant, transport, limits) {
      const windows = limits === undefined ? [] : windowsOf(limits);
      if (windows.length === 0) return undefined;
      const keys = [countsOf(tenant, transport)];
      const answer = (await take(redis, keys, [0, KEPT, ...windows.flat()])) as [string, string];
      return answer[0] === '0' ? undefined : byOurClock(answer);
    },
    async connect(tenant, transport, limits, signal) {
      const id = `${tenant}/${transport}`;
      const most = limits?.connections;
      if (!(await needsRight(id, most))) return () => undefined;
      return (await rights.wait(id, keysOf(tenant, transport), most, signal)).giveBack;
    },
    async lowered(tenant, transport) {
      const [since, words] = await redis.hmget(keysOf(tenant, transport).lowered, 'since', 'words');
      return since ? { since: Number(since), words: words ?? '' } : undefined;
    },
    async reset(tenant, transport) {
      if ((await redis.del(keysOf(tenant, transport).lowered)) === 1)
        await changes.announce('lowered', `${tenant}/${transport}`);
    },
    sockets: rights.sockets,
    stop: () => rights.stop(),
  };
};
