// Loaded into a worker's process by a test: SIGUSR2 blocks its event loop, as a careless computation would.
import { writeSync } from 'node:fs';

const ms = Number(process.env.TEST_BLOCK_MS);

process.on('SIGUSR2', () => {
  writeSync(1, 'the event loop is blocked\n');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  writeSync(1, 'the event loop goes on\n');
});
