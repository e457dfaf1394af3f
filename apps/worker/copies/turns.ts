// Whose turn it is to hand copies over: queues of tenants in turns, and of a tenant the one that was served longest ago.
import { queueName, type QueueAddress } from '../../../libs/mail/address/queue-address';

/** Queues at work at once: in all, and of one tenant. */
const [IN_ALL, OF_TENANT] = [200, 5];

export interface Turns {
  /** The queues that may have something now: each gets one turn, as soon as there is room. */
  offer(queues: QueueAddress[]): void;
  /** Does another queue wait for the room that this one has? */
  isWanted(queue: QueueAddress): boolean;
  /** No other turn begins; resolves when those that have begun are over. */
  end(): Promise<void>;
}

/** @param serve one turn of a queue; never rejects */
export const createTurns = (serve: (queue: QueueAddress) => Promise<void>): Turns => {
  const running = new Map<string, { tenant: string; over: Promise<void> }>();
  /** When each had its last turn: which one that was, counted over all. */
  const served = new Map<string, number>();
  let turn = 0;
  let waiting: QueueAddress[] = [];

  const ofTenant = (tenant: string): number => [...running.values()].filter((one) => one.tenant === tenant).length;
  const hasRoom = ({ tenant }: QueueAddress): boolean => ofTenant(tenant) < OF_TENANT;
  const lastTurn = (queue: QueueAddress): number => served.get(queueName(queue)) ?? 0;

  const begin = (queue: QueueAddress): void => {
    const name = queueName(queue);
    served.set(name, ++turn);
    const over = serve(queue).finally(() => {
      running.delete(name);
      fill();
    });
    running.set(name, { tenant: queue.tenant, over });
  };

  const fill = (): void => {
    while (running.size < IN_ALL) {
      const index = waiting.findIndex(hasRoom);
      if (index < 0) return;
      for (const queue of waiting.splice(index, 1)) begin(queue);
    }
  };

  /** First the one of each tenant that was served longest ago, then the second of each. */
  const inOrder = (queues: QueueAddress[]): QueueAddress[] => {
    const before = new Map<string, number>();
    return queues
      .sort((one, other) => lastTurn(one) - lastTurn(other))
      .map((queue) => {
        const rank = before.get(queue.tenant) ?? ofTenant(queue.tenant);
        before.set(queue.tenant, rank + 1);
        return { queue, rank };
      })
      .sort((one, other) => one.rank - other.rank)
      .map(({ queue }) => queue);
  };

  return {
    offer(queues) {
      const names = new Set(queues.map(queueName));
      for (const name of served.keys()) if (!names.has(name)) served.delete(name);
      waiting = inOrder(queues.filter((queue) => !running.has(queueName(queue))));
      fill();
    },
    isWanted: ({ tenant }) => waiting.some((queue) => running.size >= IN_ALL || queue.tenant === tenant),
    async end() {
      waiting = [];
      await Promise.all([...running.values()].map(({ over }) => over));
    },
  };
};
