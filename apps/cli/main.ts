// The command line: `npx rohrpost` in a checkout, or `node dist/apps/cli/main.js`.
import { run } from './program';

const stopped = new AbortController();
process.once('SIGINT', () => {
  stopped.abort();
  // Whatever does not heed it within a moment is ended, as by any other program.
  setTimeout(() => process.exit(130), 300).unref();
});
/** What a shell says of a program that ended since nobody read on, as in `rohrpost list | head`: 128 and SIGPIPE. */
const NOBODY_READS = 141;
process.stdout.on('error', () => process.exit(NOBODY_READS));

const { env, stdin, stdout, stderr } = process;

run(process.argv.slice(2), { env, stdin, stdout, stderr, stopped: stopped.signal }).then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = 70;
  },
);
