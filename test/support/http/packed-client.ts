// The TypeScript client as a program finds it: built, in a folder of packages of its own.
import { execFile } from 'node:child_process';
import { cp, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = join(__dirname, '../../..');
const CLIENT = join(ROOT, 'clients/typescript');

/** Builds it into `node_modules` of a folder, beside what it needs. @throws where it does not compile */
export const packClient = async (folder: string): Promise<void> => {
  const modules = join(folder, 'node_modules');
  const place = join(modules, '@rohrpost/client');
  await mkdir(place, { recursive: true });
  await cp(join(CLIENT, 'package.json'), join(place, 'package.json'));
  const args = [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', CLIENT, '--outDir', join(place, 'dist')];
  await run(process.execPath, args, { cwd: ROOT });
  for (const name of ['openapi-fetch', 'openapi-typescript-helpers', '@types'])
    await symlink(join(ROOT, 'node_modules', name), join(modules, name));
};
