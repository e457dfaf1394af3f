// A thread that has ended is no reason for its watcher to end.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { openCpuClock } from './thread-cpu';

const NAMES_ITSELF = `
const { parentPort } = require('node:worker_threads');
parentPort.postMessage(require('node:fs').readlinkSync('/proc/thread-self'));
parentPort.on('message', () => undefined);`;

test('the clock of a thread that is gone stands at its end', async () => {
  const worker = new Worker(NAMES_ITSELF, { eval: true });
  const [name] = (await once(worker, 'message')) as [string];
  const clock = openCpuClock(name);
  expect(clock.now()).toBeLessThan(60_000);
  await worker.terminate();
  expect(clock.now()).toBe(Infinity);
  clock.close();
});
