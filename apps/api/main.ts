// The API's process: hears signals first, reads the environment, starts, stops on a signal.
import { ConfigError, readEnv } from '../../libs/runtime/env';
import { boundHeapGrowth } from '../../libs/runtime/heap-growth';
import { createLifecycle } from '../../libs/runtime/lifecycle';
import { createLog } from '../../libs/runtime/log';
import { handleSignals } from '../../libs/runtime/signals';
import { widenThreadPool } from '../../libs/runtime/thread-pool';

widenThreadPool(process.env);
boundHeapGrowth();
// Before the rest is loaded, which takes most of a start.
const signals = handleSignals();

const main = async (): Promise<void> => {
  const { requireTestedBullmq } = await import('../../libs/jobs/layout/tested-bullmq.js');
  requireTestedBullmq();
  const { requireS3 } = await import('../../libs/content/open-store.js');
  const { requireRedisPlace } = await import('../../libs/store/servers/redis-place.js');
  const { requireOidc } = await import('./openid/oidc-config.js');
  const { ApiEnv, toApiConfig } = await import('./config.js');
  const { startApi } = await import('./api.js');
  const { createMetrics } = await import('../../libs/runtime/telemetry/metrics.js');
  const env = readEnv(
    ApiEnv.superRefine(requireS3).superRefine(requireRedisPlace).superRefine(requireOidc),
    process.env,
  );
  const log = createLog('api', env.ROHRPOST_LOG_LEVEL);
  const config = toApiConfig(env);
  const lifecycle = createLifecycle({ log, grace: config.grace });
  signals.attach(lifecycle, log);
  const metrics = createMetrics('api');
  metrics.watchProcess();
  const { port } = await startApi(config, log, lifecycle, undefined, metrics);
  process.send?.({ ready: true, port });
};

main().catch((error: unknown) => {
  if (error instanceof ConfigError) signals.failed(error.message, 78);
  else signals.failed(String(error instanceof Error ? error.stack : error), 1);
});
