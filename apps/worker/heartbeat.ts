// The worker's heartbeat: says every few seconds that this worker is there, and what it has in work.
import type { Log } from '../../libs/runtime/log';
import { VERSION } from '../../libs/runtime/version';
import { createWorkers, SIGN_MS, type TenantUse } from '../../libs/store/registries/workers';
import type { Redis } from '../../libs/store/redis/redis';
import type { WorkerConfig } from './config';

/** @param deps.dispatcher what is in work now @returns a function that stops */
export const startHeartbeat = async (deps: {
  redis: Redis;
  log: Log;
  config: Pick<WorkerConfig, 'replica' | 'concurrency' | 'secretKeys'>;
  startedAt: number;
  dispatcher: { busy: number; use: () => Record<string, TenantUse> };
}): Promise<() => Promise<void>> => {
  const { config } = deps;
  const workers = createWorkers(deps.redis);
  const beat = (): Promise<void> =>
    workers.sign({
      id: config.replica,
      version: VERSION,
      startedAt: new Date(deps.startedAt).toISOString(),
      places: config.concurrency,
      busy: deps.dispatcher.busy,
      tenants: deps.dispatcher.use(),
      secretKeys: config.secretKeys.map(({ id }) => id),
    });
  // One at a time: while Redis is away none is kept for later.
  let writing: Promise<void> | undefined;
  const write = (): Promise<void> =>
    (writing ??= beat()
      .catch((error: unknown) => deps.log.debug({ error }, 'a sign of life was not written; the next one will be'))
      .finally(() => (writing = undefined)));
  const timer = setInterval(() => {
    if (deps.redis.status === 'ready') void write();
  }, SIGN_MS);
  await write();
  return async () => {
    clearInterval(timer);
    await writing;
    await workers.leave(config.replica).catch(() => undefined);
  };
};
