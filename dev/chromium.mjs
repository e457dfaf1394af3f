// Finds a Chromium for the tests that look at pages, and installs Debian's where that is possible without asking.
import { delimiter, join } from 'node:path';
import { install, isExecutable } from './apt.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const OTHER_PLACES = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

const find = () => {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin', '/snap/bin'];
  const paths = NAMES.flatMap((name) => folders.filter(Boolean).map((folder) => join(folder, name)));
  return [process.env.CHROMIUM, ...paths, ...OTHER_PLACES].filter(Boolean).find(isExecutable);
};

/**
 * @returns {{ path?: string, problem?: string }} where it is, or why there is none
 */
export const chromium = () => {
  const path = find();
  if (path !== undefined) return { path };
  const problem = install('chromium', 'the browser tests', 'install Chromium or set CHROMIUM to its path');
  const installed = find();
  return installed === undefined
    ? { problem: problem ?? 'apt-get installed it, but it is not to be found' }
    : { path: installed };
};
