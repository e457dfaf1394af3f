// Finds promtool, which reads rules and metrics as Prometheus does, for `npm run test:full`; installs Debian's where that is possible.
import { install, isExecutable } from './apt.mjs';

const PLACES = ['/usr/bin/promtool', '/usr/local/bin/promtool'];

/**
 * @returns {{ path?: string, problem?: string }} where it is, or why there is none that can be used
 */
export const promtool = () => {
  const there = () => PLACES.find(isExecutable);
  const found = there();
  if (found !== undefined) return { path: found };
  const problem = install('prometheus', 'the tests of its rules', 'install Prometheus');
  const path = there();
  return path === undefined
    ? { problem: problem ?? 'apt-get installed prometheus, but promtool is not to be found' }
    : { path };
};
