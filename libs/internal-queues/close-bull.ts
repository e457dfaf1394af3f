// Closes BullMQ's objects when a process stops: a Redis that is away has nothing to hear, and is not waited for.
import { whenAway, type Redis } from '../store/redis/redis';

/** @param redis the connection over which they talk */
export const closeBull = async (redis: Redis, ...open: { close(): Promise<void> }[]): Promise<void> => {
  const closed = Promise.all(open.map((one) => one.close()));
  closed.catch(() => undefined);
  await Promise.race([closed, whenAway(redis)]);
};
