// Loaded into a process by a test: says when the process begins to hear SIGTERM.
import { writeSync } from 'node:fs';

const tell = (name) => {
  if (name !== 'SIGTERM') return;
  process.off('newListener', tell);
  setImmediate(() => writeSync(1, 'hears SIGTERM\n'));
};
process.on('newListener', tell);
