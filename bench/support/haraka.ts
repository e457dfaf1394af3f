// A Haraka of one's own in a temporary folder, which relays everything to one server; from npm, installed once beside the data of a checkout.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../dev/ports';
import { eventually } from '../../test/support/wait';
import { ROOT } from './lab';

const VERSION = '3.3.4';
const INSTALLED = join(ROOT, '.rohrpost', `haraka-${VERSION}`);
const PROGRAM = join(INSTALLED, 'node_modules/Haraka/bin/haraka');

/** Takes everybody's mail, and knows one server for all domains. */
const plugin = (sinkPort: number): string => `
exports.hook_rcpt = (next, connection) => { connection.relaying = true; next(OK); };
exports.hook_get_mx = (next) => next(OK, { priority: 0, exchange: '127.0.0.1', port: ${sinkPort} });
`;

export interface Haraka {
  port: number;
  stop(): Promise<void>;
}

/** @returns undefined where npm cannot install it */
export const startHaraka = async (sinkPort: number, connections: number): Promise<Haraka | undefined> => {
  if (!existsSync(PROGRAM)) {
    const how = ['install', '--prefix', INSTALLED, `Haraka@${VERSION}`, '--ignore-scripts', '--omit=optional'];
    spawnSync('npm', [...how, '--no-audit', '--no-fund', '--no-save'], { stdio: 'ignore' });
    if (!existsSync(PROGRAM)) return undefined;
  }
  const [folder, port] = [await mkdtemp(join(tmpdir(), 'rohrpost-haraka-')), await freePort()];
  spawnSync(process.execPath, [PROGRAM, '-i', folder], { stdio: 'ignore' });
  const files: Record<string, string> = {
    'config/smtp.ini': `listen=127.0.0.1:${port}\nnodes=0\n`,
    'config/log.ini': '[main]\nlevel=warn\n',
    'config/plugins': 'sink\n',
    'config/outbound.ini': `concurrency_max=${connections}\nenable_tls=false\nlocal_mx_ok=true\n`,
    'plugins/sink.js': plugin(sinkPort),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const child = spawn(process.execPath, [PROGRAM, '-c', folder], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await eventually(
    () =>
      new Promise<void>((resolve, reject) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.end();
          resolve();
        });
        socket.on('error', reject);
      }),
    { timeout: 20_000 },
  );
  return {
    port,
    async stop() {
      child.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
};
