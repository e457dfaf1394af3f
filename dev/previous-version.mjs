// Unpacks the version before this one from the history of the checkout, for `npm run test:full`: the last release, or the commit of a day before.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { root } from './prepare.mjs';

const git = (...args) => {
  const { status, stdout } = spawnSync('git', args, { cwd: root, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : '';
};

const DAY_S = 86_400;

/** @returns {{ path?: string, problem?: string }} its folder, with its own packages, or why there is none */
export const previousVersion = () => {
  const dayBefore = Number(git('log', '-1', '--format=%ct')) - DAY_S;
  const commit =
    git('rev-list', '-1', git('describe', '--tags', '--abbrev=0', 'HEAD^') || 'none') ||
    git('rev-list', '-1', `--before=${dayBefore}`, 'HEAD');
  if (commit === '') return { problem: 'a checkout with its history (git clone without --depth) of at least a day' };
  const folder = join(resolve(root, process.env.ROHRPOST_DATA_DIR || '.rohrpost'), `version-${commit.slice(0, 12)}`);
  if (!existsSync(join(folder, 'node_modules'))) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const packed = spawnSync('git', ['archive', commit], { cwd: root, maxBuffer: 1 << 30 });
    const { status } = spawnSync('tar', ['-x', '-C', folder], { input: packed.stdout });
    if (status !== 0) return { problem: `git archive ${commit} and tar: it could not be unpacked` };
    const installed = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, stdio: 'ignore' });
    if (installed.status !== 0) {
      rmSync(folder, { recursive: true, force: true });
      return { problem: `npm ci for the version of ${commit}: its packages could not be installed` };
    }
  }
  return { path: folder };
};
