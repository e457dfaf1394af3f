// What a dispatcher is given.
import type { QueueAddress } from '../mail/address/queue-address';
import type { Clock } from '../runtime/clock';
import type { Log } from '../runtime/log';
import type { Redis } from '../store/redis/redis';
import type { Admission, Refusal } from '../store/limits/transport-limits';
import type { Schedule } from '../jobs/layout/schedule';
import type { Queues } from '../jobs/layout/queues';
import type { Lease } from '../jobs/transitions/lease';

/** Whether a queue may send now, and how many of its emails at once on one replica. */
export interface Permission {
  enabled: boolean;
  concurrency: number;
  /** Its usual transport. */
  transport: string;
  /** The whole installation sends nothing for now; what is due stays announced. */
  paused?: boolean;
}

export interface DispatcherDeps {
  redis: Redis;
  /** A connection of its own: a subscribed one can do nothing else. */
  subscriber: Redis;
  queues: Queues;
  schedule: Schedule;
  clock: Clock;
  log: Log;
  /** Emails in work at once on this replica. */
  concurrency: number;
  /** Emails that wait for servers and sources at once, beside them. */
  waiting: number;
  /** Queues that are open at once. */
  maxOpen: number;
  /** How long one attempt may take, ms. */
  attemptMs: number;
  /** Names this replica in locks and logs. */
  replica: string;
  permission: (address: QueueAddress) => Promise<Permission>;
  /** The right to one attempt in this queue, asked for before an email is taken; or when to ask again. */
  admit: (address: QueueAddress) => Promise<Admission | Refusal>;
  /** Emails went back to the queue whose worker is gone. */
  onRecovered: (address: QueueAddress, ids: readonly string[]) => void;
  /** One attempt, settled; owns the admission and gives it back. Never rejects. */
  work: (lease: Lease, admission: Admission) => Promise<void>;
}
