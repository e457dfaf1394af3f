// The built service with each version of Node that Rohrpost runs on; S3 besides, since each has an undici of its own.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serviceEnv } from '../support/processes/process';
import { ALL_WELL, keepOnS3 } from '../support/s3/s3-process';
import { startS3Server, type S3Server } from '../support/s3/s3-server';
import { OPERATOR_KEY, setUpQueue, startService, type Service } from '../support/service';
import { startSmtpServer, type SmtpServer } from '../support/smtp/smtp-server';

const NODES = (process.env['ROHRPOST_TEST_NODES'] ?? process.execPath).split(':');
const ROOT = join(__dirname, '../..');

let folder: string;
let s3: S3Server;
let smtp: SmtpServer;
let service: Service;
const children: ChildProcess[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rohrpost-s3-'));
  s3 = await startS3Server(folder);
  smtp = await startSmtpServer();
  service = await startService({ workers: 0 });
});
afterAll(async () => {
  // Those of a test that failed.
  for (const child of children) child.kill('SIGKILL');
  await service.close();
  await smtp.close();
  await s3.close();
  await rm(folder, { recursive: true, force: true });
});

/** A process of the build, run by this program; `stop` gives its exit code. */
const startBuilt = async (app: 'api' | 'worker', node: string) => {
  const child = fork(join(ROOT, `dist/apps/${app}/main.js`), {
    execPath: node,
    execArgv: [],
    env: serviceEnv(service.redis.url, service.dataDir),
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  children.push(child);
  const exit = once(child, 'exit') as Promise<[number | null]>;
  const [message] = (await Promise.race([once(child, 'message'), exit])) as [{ port?: number } | number | null];
  if (message === null || typeof message === 'number') throw new Error(`${app} ended before it was ready: ${message}`);
  const stop = async (): Promise<number | null> => {
    child.kill('SIGTERM');
    const [code] = await exit;
    return code;
  };
  return { port: message.port ?? 0, stop };
};

test.each(NODES)('S3: %s', async (node) => {
  expect(await keepOnS3(s3.place, node)).toEqual(ALL_WELL);
});

test.each(NODES)('an email from a template, with an attachment, is sent, and both processes stop: %s', async (node) => {
  const { emails } = await setUpQueue(service, 'acme/app', smtp.port);
  await service.ok('PUT', '/v1/tenants/acme/templates/hello', {
    subject: 'Hi <%= it.name %>',
    text: 'On <%= it.node %>',
  });
  const api = await startBuilt('api', node);
  const worker = await startBuilt('worker', node);
  const before = smtp.messages.length;
  const response = await fetch(`http://127.0.0.1:${api.port}${emails}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${OPERATOR_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      to: ['ann@example.org'],
      template: 'hello',
      data: { name: 'Ann', node },
      attachments: [{ filename: 'a.txt', content: Buffer.from('attached').toString('base64') }],
    }),
  });
  expect([response.status, await response.text()]).toEqual([202, expect.stringContaining('"id"')]);
  await smtp.waitForMessages(before + 1, 20_000);
  expect(smtp.messages).toHaveLength(before + 1);
  expect([await worker.stop(), await api.stop()]).toEqual([0, 0]);
});
