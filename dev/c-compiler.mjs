// Finds the compiler of C that sets the clock of a program (test/support/redis/set-clock.c), for `npm run test:full`.
import { install, isExecutable } from './apt.mjs';

const CC = '/usr/bin/cc';

/** @returns {{ path?: string, problem?: string }} where it is, or why there is none */
export const cCompiler = () => {
  if (isExecutable(CC)) return { path: CC };
  const problem = install('build-essential', 'the test that sets the clock of Redis', 'install a compiler of C');
  return isExecutable(CC)
    ? { path: CC }
    : { problem: problem ?? `apt-get installed build-essential, and there is no ${CC}` };
};
