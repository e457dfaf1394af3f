// Brings the other versions of Node that Rohrpost runs on, for `npm run test:full`: as packages of the npm registry.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isExecutable } from './apt.mjs';
import { npm, root } from './prepare.mjs';

const VERSIONS = ['20.20.2', '22.23.3', '24.21.0', '26.9.0'];

/**
 * @returns {{ path?: string, problem?: string }} the programs, separated by colons, or why they are not to be had
 */
export const nodeVersions = () => {
  const name = `node-${process.platform}-${process.arch}`;
  const paths = [];
  for (const version of VERSIONS) {
    const folder = join(resolve(root, process.env.ROHRPOST_DATA_DIR || '.rohrpost'), 'nodes', version);
    const path = join(folder, 'node_modules', name, 'bin/node');
    if (!isExecutable(path)) {
      if (process.env.ROHRPOST_NO_DOWNLOAD === '1') return { problem: 'ROHRPOST_NO_DOWNLOAD=1 forbids to fetch it' };
      console.log(`Fetching Node ${version} (${name}) ...`);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'package.json'), '{"private": true}\n');
      npm('install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', `${name}@${version}`);
    }
    if (!isExecutable(path)) return { problem: `npm has no ${name}@${version} that runs here` };
    paths.push(path);
  }
  return { path: paths.join(':') };
};
