// What an SMTP server and a queue's own rate allow, for all replicas: emails in a window of time, and connections at once.
import type { QueueAddress } from '../mail/queue-address';
import type { TransportLimits } from '../mail/transport';
import type { Clock } from '../runtime/clock';
import { createConnectionRights, type ConnectionRights } from './connection-rights';
import { queueKeys, tenantKeys } from './keys';
import { createRates, type Full, type Passage, type Rate, type Rates } from './rates';
import type { Redis } from './redis';

/** The right to one attempt by a transport. */
export interface Admission {
  transport: string;
  /** It goes by another transport: the rest of the right, such as the queue's rate, stays. */
  leaveTransport?: () => void;
  /** The attempt is over; its connection may be used by the next one. */
  end: () => void;
  /** No server was asked for anything: as if it had never been asked for. May be said again. */
  cancel: () => void;
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

const UNLIMITED = { end: () => undefined, cancel: () => undefined };

export const createLimits = (deps: { redis: Redis; clock: Clock; replica: string }): Limits => {
  const rights: ConnectionRights = createConnectionRights(deps);
  const rates: Rates = createRates({ ...deps, now: deps.clock.now });
  const ofTransport = (tenant: string, transport: string): string => tenantKeys(tenant).limits(transport);
  const rateOf = (address: QueueAddress): string => queueKeys(address).rate;

  return {
    async admit(tenant, transport, limits) {
      if (limits === undefined) return { transport, ...UNLIMITED };
      const key = ofTransport(tenant, transport);
      const right = await rights.take(key, limits.connections);
      if ('until' in right) return { ...right, full: transport };
      const passage = await rates.take(key, ratesOf(limits));
      if ('until' in passage) {
        right.giveBack();
        return refusal(passage, transport);
      }
      const both = (way: 'end' | 'cancel') => (): void => {
        right.giveBack();
        passage[way]();
      };
      return { transport, end: both('end'), cancel: both('cancel') };
    },
    read: (tenant, transport, limits) => rates.read(ofTransport(tenant, transport), ratesOf(limits)),
    async pass(address, rate) {
      const passage = await rates.take(rateOf(address), rate === undefined ? [] : [rate]);
      return 'until' in passage ? refusal(passage, RATE) : passage;
    },
    readRate: (address, rate) => rates.read(rateOf(address), rate === undefined ? [] : [rate]),
    async stop() {
      rates.stop();
      await rights.stop();
    },
  };
};
