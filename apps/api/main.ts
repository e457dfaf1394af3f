// The API's process: reads the environment, starts, stops on a signal.
import { requireS3 } from '../../libs/content/open-store';
import { ConfigError, readEnv } from '../../libs/runtime/env';
import { untilSignal } from '../../libs/runtime/lifecycle';
import { createLog } from '../../libs/runtime/log';
import { startApi } from './api';
import { ApiEnv, toApiConfig } from './config';

const main = async (): Promise<void> => {
  const env = readEnv(ApiEnv.superRefine(requireS3), process.env);
  const log = createLog('api', env.ROHRPOST_LOG_LEVEL);
  const api = await startApi(toApiConfig(env), log);
  untilSignal(api.lifecycle, log);
  process.send?.({ ready: true, port: api.port });
};

main().catch((error: unknown) => {
  process.stderr.write(
    `${error instanceof ConfigError ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
  );
  process.exit(error instanceof ConfigError ? 78 : 1);
});
