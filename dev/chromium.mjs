// Finds a Chromium for the tests that look at pages, and installs Debian's where that is possible without asking.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const OTHER_PLACES = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

const isExecutable = (path) => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

const find = () => {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin', '/snap/bin'];
  const paths = NAMES.flatMap((name) => folders.filter(Boolean).map((folder) => join(folder, name)));
  return [process.env.CHROMIUM, ...paths, ...OTHER_PLACES].filter(Boolean).find(isExecutable);
};

const apt = (...args) => {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const result = spawnSync('apt-get', args, { env, encoding: 'utf8', timeout: 600_000 });
  return result.status === 0 ? undefined : (result.stderr ?? '').trim().split('\n').pop() || 'apt-get failed';
};

const install = () => {
  if (process.getuid?.() !== 0) return 'not root, so it cannot be installed from here (sudo apt-get install chromium)';
  if (!existsSync('/usr/bin/apt-get'))
    return 'no apt-get on this system (install Chromium or set CHROMIUM to its path)';
  if (process.env.ROHRPOST_NO_DOWNLOAD === '1') return 'ROHRPOST_NO_DOWNLOAD=1 forbids to install it';
  console.log("No Chromium here: installing the distribution's for the browser tests (apt-get install chromium) ...");
  apt('-qq', 'update');
  return apt('-qq', 'install', '-y', '--no-install-recommends', 'chromium');
};

/**
 * @returns {{ path?: string, problem?: string }} where it is, or why there is none
 */
export const chromium = () => {
  const path = find();
  if (path !== undefined) return { path };
  const problem = install();
  const installed = find();
  return installed === undefined
    ? { problem: problem ?? 'apt-get installed it, but it is not to be found' }
    : { path: installed };
};
