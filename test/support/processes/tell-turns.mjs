// Loaded into a process by a test: says over its channel how long its main thread kept everything else waiting at most.
import { readFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const LOOK_MS = 5;

/** CPU time of the main thread so far, ms. What it waits for a processor that others use is not in it (proc(5), schedstat). */
const usedCpu = () => Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ')[0]) / 1e6;

if (isMainThread) {
  let last = { wall: performance.now(), cpu: usedCpu() };
  let longest = { wall: 0, cpu: 0 };
  const look = () => {
    const now = { wall: performance.now(), cpu: usedCpu() };
    longest = {
      wall: Math.max(longest.wall, now.wall - last.wall - LOOK_MS),
      cpu: Math.max(longest.cpu, now.cpu - last.cpu),
    };
    last = now;
  };
  setInterval(look, LOOK_MS).unref();
  process.on('message', (order) => {
    if (order !== 'longest turn') return;
    look();
    process.send({ turn: longest });
    longest = { wall: 0, cpu: 0 };
  });
  // Being asked keeps no process alive.
  process.channel?.unref();
}
