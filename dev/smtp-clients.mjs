// Finds the SMTP clients that hand in mail in test/full: swaks, curl, and what Postfix needs to log in; installs Debian's.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { install, isExecutable } from './apt.mjs';
import { postfix } from './postfix.mjs';

const PURPOSE = 'the tests of clients that hand in mail';

/** Cyrus SASL's PLAIN, which Postfix logs in with. */
const hasSasl = () =>
  ['/usr/lib', ...readdirSync('/usr/lib').map((name) => join('/usr/lib', name))].some((folder) =>
    existsSync(join(folder, 'sasl2', 'libplain.so')),
  );

const NEEDED = [
  ['swaks', () => isExecutable('/usr/bin/swaks')],
  ['curl', () => isExecutable('/usr/bin/curl')],
  ['libsasl2-modules', hasSasl],
];

/** @returns {{ path?: string, problem?: string }} where swaks is, or why not all of them can be used */
export const smtpClients = () => {
  const server = postfix();
  if (server.path === undefined) return server;
  for (const [name, isThere] of NEEDED) {
    if (isThere()) continue;
    const problem = install(name, PURPOSE, `install ${name}`);
    if (!isThere()) return { problem: problem ?? `apt-get installed ${name}, but it is not to be found` };
  }
  return { path: '/usr/bin/swaks' };
};
