// Installs a package of the distribution where that is possible without asking: as root, with apt-get.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';

export const isExecutable = (path) => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

const apt = (...args) => {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const result = spawnSync('apt-get', args, { env, encoding: 'utf8', timeout: 600_000 });
  return result.status === 0 ? undefined : (result.stderr ?? '').trim().split('\n').pop() || 'apt-get failed';
};

/**
 * @param {string} name of the package
 * @param {string} purpose what it is needed for
 * @param {string} otherwise what to do where there is no apt-get
 * @returns {string | undefined} why it could not be installed
 */
export const install = (name, purpose, otherwise) => {
  if (process.getuid?.() !== 0) return `not root, so it cannot be installed from here (sudo apt-get install ${name})`;
  if (!existsSync('/usr/bin/apt-get')) return `no apt-get on this system (${otherwise})`;
  if (process.env.ROHRPOST_NO_DOWNLOAD === '1') return 'ROHRPOST_NO_DOWNLOAD=1 forbids to install it';
  console.log(`No ${name} here: installing the distribution's for ${purpose} (apt-get install ${name}) ...`);
  apt('-qq', 'update');
  return apt('-qq', 'install', '-y', '--no-install-recommends', name);
};
