// The worker's process: hears signals first, reads the environment, starts, stops on a signal.
import { ConfigError, readEnv } from '../../libs/runtime/env';
import { createLifecycle } from '../../libs/runtime/lifecycle';
import { createLog } from '../../libs/runtime/log';
import { startProbe } from '../../libs/runtime/probe';
import { handleSignals } from '../../libs/runtime/signals';
import { widenThreadPool } from '../../libs/runtime/thread-pool';

widenThreadPool(process.env);
// Before the rest is loaded, which takes most of a start.
const signals = handleSignals();

const main = async (): Promise<void> => {
  const { requireTestedBullmq } = await import('../../libs/jobs/layout/tested-bullmq.js');
  requireTestedBullmq();
  const { requireS3 } = await import('../../libs/content/open-store.js');
  const { requireRedisPlace } = await import('../../libs/store/servers/redis-place.js');
  const { toWorkerConfig, WorkerEnv } = await import('./config.js');
  const { BOUNDS, startWorker } = await import('./worker.js');
  const { createMetrics } = await import('../../libs/runtime/telemetry/metrics.js');
  const env = readEnv(WorkerEnv.superRefine(requireS3).superRefine(requireRedisPlace), process.env);
  const log = createLog('worker', env.ROHRPOST_LOG_LEVEL);
  const config = toWorkerConfig(env);
  const lifecycle = createLifecycle({ log, grace: config.grace });
  signals.attach(lifecycle, log);
  const metrics = createMetrics('worker');
  metrics.watchProcess();
  let problems = (): Promise<string[]> => Promise.resolve(['the worker is starting: it waits for Redis']);
  // First, so that a worker that waits for Redis is alive to whoever asks, and so is one that stops.
  if (env.ROHRPOST_PROBE_PORT > 0) {
    const probe = await startProbe({
      port: env.ROHRPOST_PROBE_PORT,
      host: env.ROHRPOST_PROBE_HOST,
      metrics,
      ready: async () => (lifecycle.stopping ? ['this process is stopping'] : problems()),
    });
    lifecycle.add({ name: 'probe', stop: () => probe.close() });
  }
  const worker = await startWorker(config, log, BOUNDS, lifecycle, metrics);
  problems = worker.problems;
  process.send?.({ ready: true });
};

main().catch((error: unknown) => {
  if (error instanceof ConfigError) signals.failed(error.message, 78);
  else signals.failed(String(error instanceof Error ? error.stack : error), 1);
});
