// What an SMTP server and a queue's own rate allow, for all replicas: emails in a window of time, and connections at once.
import type { QueueAddress } from '../../mail/address/queue-address';
import type { TransportLimits } from '../../mail/settings/transport';
import type { Clock } from '../../runtime/clock';
import type { Changes } from '../redis/settings-cache';
import { createConnectionRights, type ConnectionRights, type Right } from './connection-rights';
import type { Lowered, RightsKeys } from './connection-scripts';
import { queueKeys, tenantKeys } from '../redis/keys';
import { createRates, type Full, type Passage, type Rate, type Rates } from './rates';
import type { Sockets } from './sockets';
import type { Redis } from '../redis/redis';

/** The right to one attempt by a transport. */
export interface Admission {
  transport: string;
  /** It goes by another transport: the rest of the right, such as the queue's rate, stays. */
  leaveTransport?: () => void;
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
  /**
   * The transport, where all that it allows is in use (or `RATE`, where it is what the queue's rate allows): ask again as soon as
   * one of these is over.
   */
  full?: string;
}

export interface Limits {
  admit(tenant: string, transport: string, limits: TransportLimits | undefined): Promise<Admission | Refusal>;
  /** When the transport lets the next email out (ms since 1970), where that is not now. */
  read(tenant: string, transport: string, limits: TransportLimits | undefined): Promise<number | undefined>;
  /** The same for a queue's own rate, undefined for none. */
  pass(address: QueueAddress, rate: Rate | undefined): Promise<Passage | Refusal>;
  readRate(address: QueueAddress, rate: Rate | undefined): Promise<number | undefined>;
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

const WINDOWS = [
  { limit: 'perSecond', per: 1_000 },
  { limit: 'perMinute', per: 60_000 },
  { limit: 'perHour', per: 3_600_000 },
  { limit: 'perDay', per: 86_400_000 },
] as const;

const ratesOf = (limits: TransportLimits | undefined): Rate[] =>
  WINDOWS.flatMap(({ limit, per }): Rate[] => {
    const max = limits?.[limit];
    return max === undefined ? [] : [{ max, per }];
  });

/** What queues wait for that wait for their own rate: no transport has this name. */
export const RATE = '(rate)';

const refusal = ({ until, underWay }: Full, full: string): Refusal => ({ until, ...(underWay && { full }) });

const countsOf = (tenant: string, transport: string): string => tenantKeys(tenant).limits(transport);
const rateOf = (address: QueueAddress): string => queueKeys(address).rate;
const keysOf = (tenant: string, transport: string): RightsKeys => ({
  rights: `${countsOf(tenant, transport)}:connections`,
  lowered: tenantKeys(tenant).lowered(transport),
});

/** Transports whose server refused connections lately: fewer are used, on every replica. */
const createLowered = (redis: Redis, changes: Changes, rights: ConnectionRights) => {
  const isLowered = changes.cached('lowered', async (id) => {
    const [tenant = '', transport = ''] = id.split('/');
    return (await redis.exists(tenantKeys(tenant).lowered(transport))) === 1;
  });
  changes.onChange((kind, id) => {
    const [tenant = '', transport = ''] = id.split('/');
    // What is not counted now is counted as it comes.
    if (kind === 'lowered') rights.adopt(id, keysOf(tenant, transport)).catch(() => undefined);
  });
  return {
    needsRight: async (id: string, most: number | undefined): Promise<boolean> => most !== undefined || isLowered(id),
    /** Remembers at once, on every replica, that the server refused a connection. */
    async refuse(id: string, refused: Right['refused'], words: string): Promise<Lowered> {
      const lowered = await refused(words);
      if (lowered.changed) await changes.announce('lowered', id);
      return lowered;
    },
    async read(tenant: string, transport: string): Promise<{ since: number; words: string } | undefined> {
      const [since, words] = await redis.hmget(keysOf(tenant, transport).lowered, 'since', 'words');
      return since ? { since: Number(since), words: words ?? '' } : undefined;
    },
    async reset(tenant: string, transport: string): Promise<void> {
      if ((await redis.del(keysOf(tenant, transport).lowered)) === 1)
        await changes.announce('lowered', `${tenant}/${transport}`);
    },
  };
};

/**
 * @param deps.changes tells replicas that let a transport have any number of connections that its server will not have them
 */
export const createLimits = (deps: { redis: Redis; clock: Clock; replica: string; changes: Changes }): Limits => {
  const { redis, changes } = deps;
  const rights = createConnectionRights(deps);
  const rates: Rates = createRates({ ...deps, now: deps.clock.now });

  const lowering = createLowered(redis, changes, rights);

  return {
    async admit(tenant, transport, limits = {}) {
      const id = `${tenant}/${transport}`;
      const keys = keysOf(tenant, transport);
      const most = limits.connections;
      const right = (await lowering.needsRight(id, most)) ? await rights.take(id, keys, most) : rights.free(id, keys);
      if ('until' in right) return { ...right, full: transport };
      const passage = await rates.take(countsOf(tenant, transport), ratesOf(limits));
      if ('until' in passage) {
        right.giveBack();
        return refusal(passage, transport);
      }
      const both = (way: 'end' | 'cancel') => (): void => {
        right.giveBack();
        passage[way]();
      };
      const refused = (words: string): Promise<Lowered> => lowering.refuse(id, right.refused, words);
      return { transport, end: both('end'), cancel: both('cancel'), refused };
    },
    read: (tenant, transport, limits) => rates.read(countsOf(tenant, transport), ratesOf(limits)),
    async pass(address, rate) {
      const passage = await rates.take(rateOf(address), rate === undefined ? [] : [rate]);
      return 'until' in passage ? refusal(passage, RATE) : passage;
    },
    readRate: (address, rate) => rates.read(rateOf(address), rate === undefined ? [] : [rate]),
    async stop() {
      rates.stop();
      await rights.stop();
    },
    async connect(tenant, transport, limits, signal) {
      const id = `${tenant}/${transport}`;
      const most = limits?.connections;
      if (!(await lowering.needsRight(id, most))) return () => undefined;
      return (await rights.wait(id, keysOf(tenant, transport), most, signal)).giveBack;
    },
    lowered: (tenant, transport) => lowering.read(tenant, transport),
    reset: (tenant, transport) => lowering.reset(tenant, transport),
    sockets: rights.sockets,
  };
};
