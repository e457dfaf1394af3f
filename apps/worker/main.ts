// The worker's process: reads the environment, starts, stops on a signal.
import { requireS3 } from '../../libs/content/open-store';
import { ConfigError, readEnv } from '../../libs/runtime/env';
import { untilSignal } from '../../libs/runtime/lifecycle';
import { createLog } from '../../libs/runtime/log';
import { startProbe } from '../../libs/runtime/probe';
import { toWorkerConfig, WorkerEnv } from './config';
import { startWorker } from './worker';

const main = async (): Promise<void> => {
  const env = readEnv(WorkerEnv.superRefine(requireS3), process.env);
  const log = createLog('worker', env.ROHRPOST_LOG_LEVEL);
  const worker = await startWorker(toWorkerConfig(env), log);
  if (env.ROHRPOST_PROBE_PORT > 0) {
    const probe = await startProbe({
      port: env.ROHRPOST_PROBE_PORT,
      host: env.ROHRPOST_PROBE_HOST,
      ready: worker.problems,
    });
    worker.lifecycle.add({ name: 'probe', stop: () => probe.close() });
  }
  untilSignal(worker.lifecycle, log);
  process.send?.({ ready: true });
};

main().catch((error: unknown) => {
  process.stderr.write(
    `${error instanceof ConfigError ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
  );
  process.exit(error instanceof ConfigError ? 78 : 1);
});
