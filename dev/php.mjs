// Finds PHP for the example of docs/clients.md, for `npm run test:full`; installs Debian's where that is possible without asking.
import { install, isExecutable } from './apt.mjs';

const PATHS = ['/usr/bin/php', '/usr/local/bin/php', '/opt/homebrew/bin/php'];

/**
 * @returns {{ path?: string, problem?: string }} where it is, or why there is none
 */
export const php = () => {
  const problem = PATHS.some(isExecutable) ? undefined : install('php-cli', 'the example in PHP', 'install PHP');
  const path = PATHS.find(isExecutable);
  return path === undefined ? { problem: problem ?? 'apt-get installed it, but it is not to be found' } : { path };
};
