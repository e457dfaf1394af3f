// Finds Swift, an object store that speaks like S3 too, for `npm run test:full`; installs Debian's where that is possible.
import { install, isExecutable } from './apt.mjs';

const PROGRAMS = {
  memcached: '/usr/bin/memcached',
  'swift-proxy': '/usr/bin/swift-proxy-server',
  'swift-account': '/usr/bin/swift-account-server',
  'swift-container': '/usr/bin/swift-container-server',
  'swift-object': '/usr/bin/swift-object-server',
};

/**
 * @returns {{ path?: string, problem?: string }} where it is, or why there is none that can be used
 */
export const swift = () => {
  for (const [name, path] of Object.entries(PROGRAMS)) {
    if (isExecutable(path)) continue;
    const problem = install(name, 'the tests against a second server of S3', 'install Swift and memcached');
    if (!isExecutable(path)) return { problem: problem ?? `apt-get installed ${name}, but it is not to be found` };
  }
  return { path: PROGRAMS['swift-proxy'] };
};
