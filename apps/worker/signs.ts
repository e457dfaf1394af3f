// Says every few seconds that this worker is there, and what it has in work.
import type { Log } from '../../libs/runtime/log';
import { VERSION } from '../../libs/runtime/version';
import { createWorkers, SIGN_MS, type TenantUse } from '../../libs/store/registries/workers';
import type { Redis } from '../../libs/store/redis/redis';
import type { WorkerConfig } from './config';

/** @param deps.fleet what is in work now @returns a function that stops */
export const giveSigns = async (deps: {
  redis: Redis;
  log: Log;
  config: Pick<WorkerConfig, 'replica' | 'concurrency' | 'secretKeys'>;
  startedAt: number;
  fleet: { busy: number; use: () => Record<string, TenantUse> };
}): Promise<() => Promise<void>> => {
  const { config } = deps;
  const workers = createWorkers(deps.redis);
  const sign = (): Promise<void> =>
    workers.sign({
      id: config.replica,
      version: VERSION,
      startedAt: new Date(deps.startedAt).toISOString(),
      places: config.concurrency,
      busy: deps.fleet.busy,
      tenants: deps.fleet.use(),
      secretKeys: config.secretKeys.map(({ id }) => id),
    });
  // One at a time: while Redis is away none is kept for later.
  let saying: Promise<void> | undefined;
  const timer = setInterval(() => {
    if (saying !== undefined || deps.redis.status !== 'ready') return;
    saying = sign()
      .catch((error: unknown) => deps.log.debug({ error }, 'a sign of life was not written; the next one will be'))
      .finally(() => (saying = undefined));
  }, SIGN_MS);
  await sign();
  return async () => {
    clearInterval(timer);
    await saying;
    await workers.leave(config.replica).catch(() => undefined);
  };
};
