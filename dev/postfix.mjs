// Finds a Postfix for the tests against a real SMTP server, and installs Debian's where that is possible without asking.
import { install, isExecutable } from './apt.mjs';

const PATH = '/usr/sbin/postfix';

/**
 * @returns {{ path?: string, problem?: string }} where it is, or why there is none that can be used
 */
export const postfix = () => {
  // Postfix starts as root only, also with a configuration and folders of one's own.
  if (process.getuid?.() !== 0) return { problem: 'Postfix can be started by root only' };
  if (isExecutable(PATH)) return { path: PATH };
  const problem = install('postfix', 'the tests against a real SMTP server', 'install Postfix');
  return isExecutable(PATH)
    ? { path: PATH }
    : { problem: problem ?? 'apt-get installed it, but it is not to be found' };
};
