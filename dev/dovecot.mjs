// Finds a Dovecot for the tests of mailboxes, and installs Debian's where that is possible without asking.
import { install, isExecutable } from './apt.mjs';

const PATH = '/usr/sbin/dovecot';

/**
 * @returns {{ path?: string, problem?: string }} where it is, or why there is none that can be used
 */
export const dovecot = () => {
  // Dovecot starts its own processes under its own users.
  if (process.getuid?.() !== 0) return { problem: 'Dovecot can be started by root only' };
  if (isExecutable(PATH)) return { path: PATH };
  const problem = install('dovecot-imapd', 'the tests of mailboxes', 'install Dovecot');
  return isExecutable(PATH)
    ? { path: PATH }
    : { problem: problem ?? 'apt-get installed it, but it is not to be found' };
};
