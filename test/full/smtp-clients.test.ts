// Mail by SMTP from the clients that people have: swaks, curl, and a Postfix that hands everything to Rohrpost.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createTransport } from 'nodemailer';
import { listAll } from '../support/emails';
import { setUpQueue, startService, type Service } from '../support/service';
import { startPostfix } from '../support/smtp/postfix';
import { startSmtpServer, type SmtpServer } from '../support/smtp/smtp-server';
import { issueKey, startSubmission, type Submission } from '../support/smtp/submission';
import { eventually } from '../support/wait';

const run = promisify(execFile);
const TLS = join(__dirname, '../support/smtp/tls');

let service: Service;
let smtp: SmtpServer;
let door: Submission;
let key: string;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rohrpost-clients-'));
  service = await startService();
  smtp = await startSmtpServer();
  await setUpQueue(service, 'acme/app', smtp.port);
  key = await issueKey(service, { application: undefined });
  door = await startSubmission(service, {
    ROHRPOST_SMTP_TLS_CERT: join(TLS, 'server.crt'),
    ROHRPOST_SMTP_TLS_KEY: join(TLS, 'server.key'),
  });
});
afterAll(async () => {
  await door.end('SIGTERM');
  await service.close();
  await smtp.close();
  await rm(folder, { recursive: true, force: true });
});

const received = (words: string): Promise<{ from: string; to: string[]; raw: Buffer }> =>
  eventually(() => {
    const found = smtp.messages.find(({ raw }) => raw.includes(words));
    if (found === undefined) throw new Error(`nothing with ${words} yet`);
    return found;
  });

test('swaks, by STARTTLS, PLAIN and LOGIN', async () => {
  for (const mechanism of ['PLAIN', 'LOGIN']) {
    const words = `swaks by ${mechanism}`;
    const { stdout } = await run('swaks', [
      ...['--server', '127.0.0.1', '--port', String(door.port), '--tls', '--auth', mechanism],
      ...['--auth-user', 'acme/app', '--auth-password', key],
      ...['--from', 'app@acme.example', '--to', 'ann@example.org,bob@example.org', '--header', `Subject: ${words}`],
    ]);
    expect(stdout).toMatch(/250 2\.0\.0 queued as m_/);
    expect(await received(words)).toMatchObject({
      from: 'app@acme.example',
      to: ['ann@example.org', 'bob@example.org'],
    });
  }
}, 30_000);

test('curl', async () => {
  const file = join(folder, 'message.eml');
  await writeFile(file, 'From: app@acme.example\nTo: ann@example.org\nSubject: by curl\n\n.dot\n');
  await run('curl', [
    ...['-sS', `smtp://127.0.0.1:${door.port}`, '--ssl-reqd', '--insecure', '--user', `acme/app:${key}`, '--crlf'],
    ...['--mail-from', 'app@acme.example', '--mail-rcpt', 'ann@example.org', '--upload-file', file],
  ]);
  expect((await received('by curl')).raw.toString()).toContain('\r\n\r\n.dot\r\n');
}, 30_000);

test('a Postfix with Rohrpost as its smarthost: recipients of one message are one email, and none comes twice', async () => {
  const postfix = await startPostfix([
    `relayhost = [127.0.0.1]:${door.port}`,
    'smtp_sasl_auth_enable = yes',
    `smtp_sasl_password_maps = inline:{{[127.0.0.1]:${door.port}=acme/app:${key}}}`,
    'smtp_sasl_security_options = noanonymous',
    'smtp_tls_security_level = encrypt',
    'smtp_destination_recipient_limit = 100',
    'minimal_backoff_time = 1s',
  ]);
  try {
    const before = (await listAll(service, '/v1/queues/acme/app/emails')).length;
    const pool = createTransport({ host: '127.0.0.1', port: postfix.port, pool: true, ignoreTLS: true });
    const to = Array.from({ length: 150 }, (_, n) => `r${n}@example.net`);
    await pool.sendMail({ from: 'app@acme.example', to, subject: 'by Postfix, to many', text: '.dots\n..\n' });
    for (let n = 0; n < 100; n++)
      await pool.sendMail({ from: 'app@acme.example', to: 'ann@example.net', subject: `by Postfix ${n}`, text: 'x' });
    pool.close();
    await eventually(
      async () => {
        const emails = await listAll(service, '/v1/queues/acme/app/emails');
        expect(emails.slice(0, emails.length - before).map(({ state }) => state)).toEqual(Array(102).fill('sent'));
      },
      { timeout: 60_000, every: 200 },
    );
    const many = smtp.messages.filter(({ raw }) => raw.includes('by Postfix, to many')).map((one) => one.to);
    expect(many.flat().sort()).toEqual([...to].sort());
    expect(many.map((one) => one.length).sort()).toEqual([100, 50]);
  } finally {
    await postfix.stop();
  }
}, 120_000);
