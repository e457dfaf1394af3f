// The programs of docs/clients.md against a running service: each sends its email once, however often it is run, and tells a refusal.
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packClient } from '../support/http/packed-client';
import { setUpQueue, startService, type Service } from '../support/service';
import { startSmtpServer, type SmtpServer } from '../support/smtp/smtp-server';

const ROOT = join(__dirname, '../..');
const EXAMPLES = join(ROOT, 'clients/examples');
const TSX = join(ROOT, 'node_modules/tsx/dist/esm/index.mjs');

let service: Service;
let smtp: SmtpServer;
let key: string;
let folder: string;

beforeAll(async () => {
  smtp = await startSmtpServer();
  service = await startService();
  await setUpQueue(service, 'acme/billing', smtp.port);
  ({ key } = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'sender', tenant: 'acme' }));
  folder = await mkdtemp(join(tmpdir(), 'rohrpost-examples-'));
  await packClient(folder);
  await cp(join(EXAMPLES, 'send.ts'), join(folder, 'send.mts'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await service.close();
  await smtp.close();
});

const run = ([program = '', ...args]: string[], withKey: string) =>
  new Promise<{ code: number | null; said: string }>((resolve, reject) => {
    const env = { PATH: process.env['PATH'], API: service.url, KEY: withKey, QUEUE: 'acme/billing' };
    const child = spawn(program, args, { cwd: folder, env });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, said }));
  });

const PROGRAMS = [
  { name: 'curl', command: ['bash', join(EXAMPLES, 'send.sh')] },
  { name: 'TypeScript', command: [process.execPath, '--import', TSX, 'send.mts'] },
  { name: 'Python', command: ['python3', join(EXAMPLES, 'send.py')] },
  { name: 'PHP', command: [process.env['ROHRPOST_TEST_PHP'] ?? 'php', join(EXAMPLES, 'send.php')] },
  { name: 'Java', command: ['java', join(EXAMPLES, 'Send.java')] },
];

test.each(PROGRAMS)('$name', async ({ name, command }) => {
  for (const time of ['first', 'second'])
    expect([time, await run(command, key)]).toEqual([
      time,
      { code: 0, said: expect.stringMatching(/^accepted: .*m_[0-9a-v]{26}/) as string },
    ]);
  const refused = await run(command, 'no key of this installation');
  expect(refused).toEqual({
    code: 1,
    said: expect.stringMatching(/^refused: .*unauthenticated|^refused: .*\b401\b/) as string,
  });
  const { emails } = await service.ok<{ emails: { subject: string }[] }>('GET', '/v1/queues/acme/billing/emails');
  expect(emails.filter(({ subject }) => subject === `Invoice 114 (${name})`)).toHaveLength(1);
});

test('docs/clients.md has them as they are', async () => {
  const page = await readFile(join(ROOT, 'docs/clients.md'), 'utf8');
  for (const file of ['send.sh', 'send.ts', 'send.py', 'send.php', 'Send.java', 'send.abap'])
    expect(page).toContain(await readFile(join(EXAMPLES, file), 'utf8'));
});
