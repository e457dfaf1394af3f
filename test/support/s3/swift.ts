// Swift (Debian's packages) with its s3api on loopback: a second server that speaks like S3, of quite another make.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AwsV4Signer } from 'aws4fetch';
import { freePort } from '../../../dev/ports';
import type { S3Place } from '../../../libs/content/s3-request';
import { eventually } from '../wait';

const KINDS = ['object', 'container', 'account'] as const;

const serverConf = (kind: string, port: number, folder: string): string => `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
user = ${process.env['USER'] ?? 'root'}
swift_dir = ${folder}
devices = ${folder}/devices
mount_check = false
workers = 0
[pipeline:main]
pipeline = ${kind}-server
[app:${kind}-server]
use = egg:swift#${kind}
`;

/** `test:tester` may do everything; its password is the secret of S3. */
const proxyConf = (port: number, memcached: number, folder: string): string => `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
user = ${process.env['USER'] ?? 'root'}
swift_dir = ${folder}
workers = 0
[pipeline:main]
pipeline = catch_errors cache s3api tempauth proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:${memcached}
[filter:s3api]
use = egg:swift#s3api
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
`;

const isListening = (port: number): Promise<void> =>
  eventually(
    async () => {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect').finally(() => socket.destroy());
    },
    { timeout: 30_000, every: 100 },
  );

const makeBucket = async ({ endpoint, bucket, ...keys }: S3Place): Promise<void> => {
  const signer = new AwsV4Signer({ ...keys, method: 'PUT', url: `${endpoint}/${bucket}`, service: 's3' });
  const { url, headers } = await signer.sign();
  const answer = await fetch(url, { method: 'PUT', headers });
  if (!answer.ok) throw new Error(`Swift made no bucket: ${answer.status} ${await answer.text()}`);
};

export interface Swift {
  place: S3Place;
  close(): Promise<void>;
}

/** Needs `/etc/swift/swift.conf`, as the packages install it. */
export const startSwift = async (): Promise<Swift> => {
  const folder = await mkdtemp(join(tmpdir(), 'rohrpost-swift-'));
  await mkdir(join(folder, 'devices/d1'), { recursive: true });
  const running: { child: ChildProcess; said: string[] }[] = [];
  const run = (program: string, ...args: string[]): void => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const said: string[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => said.push(text.toString()));
    running.push({ child, said });
  };
  const close = async (): Promise<void> => {
    for (const { child } of running) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const ports: number[] = [];
    for (const kind of KINDS) {
      const port = await freePort();
      ports.push(port);
      const builder = join(folder, `${kind}.builder`);
      const ring = (...args: string[]) => execFileSync('swift-ring-builder', [builder, ...args]);
      ring('create', '6', '1', '0');
      ring('add', `r1z1-127.0.0.1:${port}/d1`, '1');
      ring('rebalance');
      await writeFile(join(folder, `${kind}.conf`), serverConf(kind, port, folder));
      run(`swift-${kind}-server`, join(folder, `${kind}.conf`));
    }
    const memcached = await freePort();
    run('memcached', '-l', '127.0.0.1', '-p', String(memcached), '-U', '0', '-m', '16', '-u', 'nobody');
    const port = await freePort();
    await writeFile(join(folder, 'proxy.conf'), proxyConf(port, memcached, folder));
    run('swift-proxy-server', join(folder, 'proxy.conf'));
    for (const one of [...ports, memcached, port]) await isListening(one);
    const place: S3Place = {
      endpoint: `http://127.0.0.1:${port}`,
      bucket: 'rohrpost',
      region: 'us-east-1',
      accessKeyId: 'test:tester',
      secretAccessKey: 'testing',
    };
    await makeBucket(place);
    return { place, close };
  } catch (error) {
    await close();
    throw new Error(`Swift did not start: ${String(error)}\n${running.flatMap(({ said }) => said).join('')}`);
  }
};
