// The command that ends a change of secret keys: `npm run reseal`, or `node dist/apps/reseal/main.js`.
import { ConfigError, readEnv } from '../../libs/runtime/env';
import { createLog } from '../../libs/runtime/log';
import { requireRedisPlace } from '../../libs/store/servers/redis-place';
import { reseal, ResealEnv } from './reseal';

/** 0: everything is sealed with the newest key; 1: not everything, or not possible; 78: the configuration is wrong. */
const main = async (): Promise<number> => {
  const { lines, done } = await reseal(
    readEnv(ResealEnv.superRefine(requireRedisPlace), process.env),
    createLog('reseal', 'warn'),
  );
  process.stdout.write(`${lines.join('\n')}\n`);
  return done ? 0 : 1;
};

main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = error instanceof ConfigError ? 78 : 1;
  },
);
