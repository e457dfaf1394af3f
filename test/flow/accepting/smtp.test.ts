// Mail by SMTP from applications that speak nothing else: who may log in, what becomes of a message, what is refused in which words.
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import { freePort } from '../../../dev/ports';
import { listAll, untilState } from '../../support/emails';
import { OPERATOR_KEY, setUpQueue, startService, type Service } from '../../support/service';
import { SmtpDialogue } from '../../support/smtp/smtp-dialogue';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { issueKey, QUEUED, startSubmission, type Submission } from '../../support/smtp/submission';
import { testCa } from '../../support/smtp/tls';
import { launchProcess } from '../../support/processes/process';
import { eventually } from '../../support/wait';

const TLS = join(__dirname, '../../support/smtp/tls');
const CERTIFICATE = { ROHRPOST_SMTP_TLS_CERT: join(TLS, 'server.crt'), ROHRPOST_SMTP_TLS_KEY: join(TLS, 'server.key') };
const QUEUE = 'acme/app';
const EMAILS = `/v1/queues/${QUEUE}/emails`;

let service: Service;
let smtp: SmtpServer;
let door: Submission;
let key: string;
let control: string;
let count = 0;

beforeAll(async () => {
  service = await startService();
  smtp = await startSmtpServer();
  await setUpQueue(service, QUEUE, smtp.port);
  await setUpQueue(service, 'acme/other', smtp.port);
  door = await startSubmission(service, { ...CERTIFICATE, ROHRPOST_SMTP_HOST: '0.0.0.0' });
  key = await issueKey(service);
  control = await issueKey(service, { smtpControl: true });
});
afterAll(async () => {
  expect(await door.end('SIGTERM')).toBe(0);
  await service.close();
  await smtp.close();
});

const message = (lines: string[], body = 'Hello\r\n'): string =>
  [
    'From: App <app@acme.example>',
    'To: ann@example.org',
    `Message-ID: <${++count}@acme.example>`,
    ...lines,
    '',
    body,
  ].join('\r\n');
const open = (from?: string) => SmtpDialogue.open(door.port, from);

/** Hands a message in. @returns the reply to its end */
const submit = async (text: string, { by = key, to = ['ann@example.org'] } = {}): Promise<string> => {
  const client = await open();
  await client.begin(by, to);
  const reply = await client.data(`${text}\r\n.\r\n`);
  client.cut();
  return reply;
};
const login = async (user: string, pass: string): Promise<string> => {
  const client = await open();
  await client.say('EHLO x');
  const reply = await client.login(user, pass);
  client.cut();
  return reply;
};
const idOf = (reply: string): string => QUEUED.exec(reply)?.[1] ?? `not taken: ${reply}`;
const sent = async (reply: string): Promise<string> => {
  const email = await untilState(service, QUEUE, idOf(reply), 'sent');
  const found = smtp.messages.find(({ raw }) => raw.includes(String(email['messageId'])));
  return found?.raw.toString() ?? '';
};

test('a message arrives as it was handed in, over TLS, with its envelope and without its Bcc', async () => {
  const transport = createTransport({
    port: door.port,
    host: '127.0.0.1',
    requireTLS: true,
    tls: { ca: testCa, servername: 'localhost' },
    auth: { user: 'whoever', pass: key },
  });
  const head =
    'From: App <app@acme.example>\r\nTo: ann@example.org\r\nMessage-ID: <whole@acme.example>\r\nX-Own:  two  spaces\r\n';
  const body = 'Content-Type: text/plain; charset=utf-8\r\n\r\nGr\u00fc\u00dfe\r\n.dot\r\n..dots\r\n.\r\nend\r\n';
  const info = await transport.sendMail({
    envelope: { from: 'bounces@acme.example', to: ['ann@example.org', 'hidden@example.org'] },
    raw: Buffer.from(`${head}Bcc: hidden@example.org\r\n${body}`),
  });
  expect(info.response).toMatch(QUEUED);
  const email = await untilState(service, QUEUE, idOf(info.response), 'sent');
  expect(email).toMatchObject({ to: ['ann@example.org', 'hidden@example.org'], from: 'bounces@acme.example' });
  const received = smtp.messages.find(({ raw }) => raw.includes('<whole@acme.example>'));
  expect(received).toMatchObject({ from: 'bounces@acme.example', to: ['ann@example.org', 'hidden@example.org'] });
  expect(received?.raw.toString()).toMatch(/^Date: .*\r\n/);
  expect(received?.raw.toString().replace(/^Date: .*\r\n/, '')).toBe(head + body);
  expect(door.log.join()).toContain(`"email":"${email.id}"`);
});

describe('logging in', () => {
  test('the queue is that of the key, or the one that the user name names', async () => {
    const ofTenant = await issueKey(service, { application: undefined });
    expect(await login('anybody at all', key)).toMatch(/^235 2\.7\.0/);
    expect(await login('', ofTenant)).toMatch(/^535 5\.7\.8 .*tenant\/application/);
    expect(await login('acme/other', key)).toMatch(/^535 5\.7\.8 .*does not reach/);
    const client = await open();
    await client.say('EHLO x');
    // LOGIN, step by step.
    expect(await client.say('AUTH LOGIN')).toBe('334 VXNlcm5hbWU6');
    expect(await client.say(Buffer.from('acme/other').toString('base64'))).toBe('334 UGFzc3dvcmQ6');
    expect(await client.say(Buffer.from(ofTenant).toString('base64'))).toMatch(/^235/);
    await client.say('MAIL FROM:<app@acme.example>');
    await client.say('RCPT TO:<ann@example.org>');
    const id = idOf(await client.data(`${message([])}\r\n.\r\n`));
    client.cut();
    await untilState(service, 'acme/other', id, 'sent');
  });

  test('readers, wrong keys and the operator\u2019s own key get in nowhere; the third try ends the connection', async () => {
    const reader = await issueKey(service, { role: 'reader' });
    expect(await login('x', reader)).toMatch(/^535 5\.7\.8 a key with the role reader may not send/);
    expect(await login(QUEUE, OPERATOR_KEY)).toMatch(/^535 5\.7\.8/);
    const client = await open();
    await client.say('EHLO x');
    expect(await client.login('x', 'wrong')).toMatch(/^535 5\.7\.8/);
    expect(await client.say('MAIL FROM:<app@acme.example>')).toMatch(/^530 5\.7\.0 log in first/);
    expect(await client.login('x', 'wrong')).toMatch(/^535/);
    expect(await client.login('x', 'wrong')).toMatch(/^421 4\.7\.0/);
    expect(await client.reply()).toBe('closed');
  });

  test('from another machine a key is taken after STARTTLS alone, and AUTH is not offered before', async () => {
    const [outside] = Object.values(networkInterfaces())
      .flatMap((all) => all ?? [])
      .filter(({ internal, family }) => !internal && family === 'IPv4');
    if (outside === undefined) throw new Error('this machine has no address but its loopback: give it one');
    const client = await open(outside.address);
    expect(await client.say('EHLO x')).not.toContain('AUTH');
    expect(await client.login('x', key)).toMatch(/^538 5\.7\.11 .*STARTTLS/);
    expect(await client.say('MAIL FROM:<app@acme.example>')).toMatch(/^530 5\.7\.0 .*STARTTLS/);
    // What is said in clear behind STARTTLS is not heard inside of TLS.
    await client.startTls();
    expect(await client.say('EHLO x')).toMatch(/AUTH PLAIN LOGIN/);
    expect(await client.login('x', key)).toMatch(/^235/);
    client.cut();
    const plain = await startSubmission(service, { ROHRPOST_SMTP_HOST: '0.0.0.0' });
    const stranger = await SmtpDialogue.open(plain.port, outside.address);
    expect(await stranger.say('EHLO x')).not.toMatch(/AUTH|STARTTLS/);
    expect(await stranger.login('x', key)).toMatch(/^538/);
    expect(await stranger.say('MAIL FROM:<app@acme.example>')).toMatch(/^530 5\.7\.0 .*no certificate/);
    stranger.cut();
    const local = await SmtpDialogue.open(plain.port);
    expect(await local.say('EHLO x')).toContain('AUTH PLAIN LOGIN');
    local.cut();
    expect(plain.log.join()).toContain('no certificate is given');
    await plain.end('SIGTERM');
  });

  test('a key that is revoked sends nothing more, also where it has logged in', async () => {
    const { id, key: gone } = await service.ok<{ id: string; key: string }>('POST', '/v1/keys', {
      role: 'sender',
      tenant: 'acme',
      application: 'app',
    });
    const client = await open();
    await client.say('EHLO x');
    expect(await client.login('x', gone)).toMatch(/^235/);
    await service.call('DELETE', `/v1/keys/${id}`);
    await expect(async () => {
      for (;;) {
        const reply = await client.say('MAIL FROM:<app@acme.example>');
        if (!reply.startsWith('250')) throw new Error(reply);
        await client.say('RSET');
      }
    }).rejects.toThrow(/^421 4\.7\.0 this key does not hold any more/);
  });
});

describe('control fields', () => {
  const FIELDS = [
    'X-Rohrpost-Send-At: 2030-01-01T00:00:00Z',
    'x-rohrpost-TAGS: invoice,\r\n\tsecond one',
    'X-Rohrpost-Priority: high',
    'X-Rohrpost-Metadata: {"order": 12,\r\n "vip": true}',
    'X-ROHRPOST-expires-at : 2031-01-01T00:00:00Z',
  ];

  test('say when and how for a key that may, and never travel', async () => {
    const id = idOf(await submit(message(FIELDS), { by: control }));
    expect(await service.email(QUEUE, id)).toMatchObject({
      state: 'scheduled',
      sendAt: '2030-01-01T00:00:00.000Z',
      expiresAt: '2031-01-01T00:00:00.000Z',
      tags: ['invoice', 'second one'],
      settings: expect.objectContaining({ priority: 'high' }) as object,
      metadata: { order: 12, vip: true },
    });
    await service.ok('POST', `${EMAILS}/${id}/send-now`, {});
    await untilState(service, QUEUE, id, 'sent');
    expect(smtp.messages.at(-1)?.raw.toString()).not.toMatch(/x-rohrpost/i);
  });

  test('count for nobody else, and are taken out all the same, however they are written', async () => {
    const hidden = 'Subject: a\nX-Rohrpost-Tags: by bare LF';
    const raw = await sent(await submit(message([...FIELDS, ...FIELDS, 'X-Rohrpost-Unknown: 1', hidden])));
    expect(raw).toMatch(/^Subject: a/m);
    expect(raw).not.toMatch(/x-rohrpost|second one|"vip"/i);
    const [email] = await listAll(service, EMAILS);
    expect(email).toMatchObject({ state: 'sent', tags: [] });
  });

  test('what they say is checked', async () => {
    const refused = (field: string) => submit(message([field]), { by: control });
    expect(await refused('X-Rohrpost-Send-At: tomorrow')).toMatch(/^554 5\.6\.0 .*sendAt/);
    expect(await refused('X-Rohrpost-Metadata: {')).toMatch(/^554 5\.6\.0 .*X-Rohrpost-Metadata/);
    expect(await refused('X-Rohrpost-Sendat: 2030-01-01T00:00:00Z')).toMatch(/^554 5\.6\.0 .*is no control field/);
    expect(await refused('X-Rohrpost-Priority: high\r\nX-Rohrpost-Priority: low')).toMatch(/^554 5\.6\.0 .*twice/);
  });

  const PART = `--b\r\nContent-Type: Application/VND.Rohrpost+JSON\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from(
    JSON.stringify({ template: 'welcome', data: { name: 'Ann' } }),
  ).toString('base64')}\r\n`;
  const TEXT = '--b\r\nContent-Type: text/plain\r\n\r\nInstead of a template\r\n';
  const multipart = (parts: string) => message(['Content-Type: multipart/mixed; boundary=b'], `${parts}--b--\r\n`);

  test('a part names a template and its data, for a key that may; else it is taken out', async () => {
    await service.ok('PUT', '/v1/tenants/acme/templates/welcome', { subject: 'Hi <%= it.name %>', text: 'Welcome' });
    const reply = await submit(multipart(TEXT + PART), { by: control, to: ['ann@example.org', 'hidden@example.org'] });
    const email = await untilState(service, QUEUE, idOf(reply), 'sent');
    expect(email).toMatchObject({
      template: { name: 'welcome' },
      to: ['ann@example.org'],
      bcc: ['hidden@example.org'],
    });
    expect(smtp.messages.find(({ raw }) => raw.includes('Subject: Hi Ann'))?.raw.toString()).not.toContain('hidden@');
    const raw = await sent(await submit(multipart(TEXT + PART)));
    expect(raw).toContain('Instead of a template');
    expect(raw).not.toMatch(/rohrpost\+json/i);
    expect(await submit(multipart(PART))).toMatch(/^550 5\.7\.1 .*smtpControl/);
    const file = '--b\r\nContent-Type: application/pdf\r\n\r\nx\r\n';
    expect(await submit(multipart(TEXT + file + PART), { by: control })).toMatch(/^554 5\.6\.0 .*text alone/);
    expect(await submit(multipart(TEXT + PART.replace(/[\w+/=]+\r\n$/, 'e30=\r\n')), { by: control })).toMatch(/^554/);
  });

  test('only senders and administrators have such keys', async () => {
    const issue = (role: string) =>
      service.call('POST', '/v1/keys', { role, tenant: 'acme', application: 'app', smtpControl: true });
    expect((await issue('admin')).body).toMatchObject({ smtpControl: true });
    expect(await issue('reader')).toMatchObject({ status: 422, body: { errors: [{ path: '/smtpControl' }] } });
  });
});

describe('what is refused', () => {
  test('senders that the transport does not allow, and messages that are none', async () => {
    await service.ok('PUT', '/v1/tenants/strict', {});
    const transport = { host: '127.0.0.1', port: smtp.port, security: 'none', allowedFrom: ['@strict.example'] };
    await service.ok('PUT', '/v1/tenants/strict/transports/default', transport);
    const strict = await issueKey(service, { tenant: 'strict' });
    expect(await submit(message([]), { by: strict })).toMatch(/^550 5\.7\.1 .*app@acme\.example is none/);
    expect(await submit('Subject: no sender\r\n\r\nx')).toMatch(/^554 5\.6\.0 the message has no From/);
    expect(await submit(message([`Subject: ${'x'.repeat(1_200)}`]))).toMatch(/^554 5\.6\.0 the message has a line/);
    expect(await submit(message([], 'a\0b'))).toMatch(/^554 5\.6\.0 the message must not hold NUL/);
  });

  test('addresses that lead nowhere, empty senders, more than a hundred recipients', async () => {
    const client = await open();
    await client.say('EHLO x');
    await client.login('x', key);
    expect(await client.say('MAIL FROM:<>')).toMatch(/^550 5\.1\.7 an empty sender/);
    expect(await client.say('MAIL FROM:<app@acme.example> SIZE=99999999')).toMatch(/^552 5\.3\.4/);
    expect(await client.say('MAIL FROM:<app@acme.example>')).toMatch(/^250 2\.1\.0/);
    expect(await client.say('RCPT TO:<ann@[127.0.0.1]>')).toMatch(/^553 5\.1\.3 the address/);
    const many = Array.from({ length: 10_000 }, (_, n) => `RCPT TO:<r${n}@example.org>\r\n`);
    client.write(many.join(''));
    const replies = new Map<string, number>();
    for (let n = 0; n < many.length; n++) {
      const said = (await client.reply()).slice(0, 9);
      replies.set(said, (replies.get(said) ?? 0) + 1);
    }
    expect([...replies]).toEqual([
      ['250 2.1.5', 100],
      ['452 4.5.3', 9_900],
    ]);
    await untilState(service, QUEUE, idOf(await client.data(`${message([])}\r\n.\r\n`)), 'sent');
    client.cut();
  });

  test('lines that smuggle commands: they stay in the message, on this side and on the next', async () => {
    const evil = 'MAIL FROM:<evil@acme.example>\r\nRCPT TO:<victim@example.org>\r\nDATA\r\nSubject: smuggled\r\n\r\nx';
    const before = smtp.messages.length;
    for (const end of ['\n.\n', '\n.\r\n', '\r\n.\n', '\r.\r', '\r\n.\r', '\r\n\0.\r\n']) {
      const reply = await submit(message([], `a${end}${evil}`));
      if (end.includes('\0')) expect(reply).toMatch(/^554/);
      else expect(await sent(reply)).toContain('MAIL FROM:<evil@acme.example>');
    }
    expect(smtp.messages.length).toBe(before + 5);
    expect(smtp.messages.flatMap(({ to }) => to)).not.toContain('victim@example.org');
  });

  test('endless command lines, pages of the web, old commands', async () => {
    const long = await open();
    long.write('x'.repeat(20_000));
    expect(await long.reply()).toMatch(/^421/);
    const web = await open();
    expect(await web.say('POST / HTTP/1.1')).toMatch(/^421/);
    const old = await open();
    expect(await old.say('WIZ please')).toMatch(/^500 5\.5\.2/);
    old.cut();
  });

  test('each refusal stands in the log, without addresses', () => {
    const lines = door.log.map((line) => JSON.parse(line) as Record<string, unknown>);
    const refused = lines.filter(({ message: said }) => said === 'refused by SMTP');
    expect(refused).toContainEqual(expect.objectContaining({ step: 'data', reply: 550, tenant: 'strict' }));
    expect(refused).toContainEqual(expect.objectContaining({ step: 'login', reply: 535 }));
    expect(JSON.stringify(lines)).not.toMatch(/@(acme|example)\.|rp_[0-9a-f]{12}_/);
  });
});

test('a certificate that changes is read again at SIGHUP; a wrong one leaves the one before', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'rohrpost-certificate-'));
  const [cert, certKey] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
  await copyFile(join(TLS, 'expired.crt'), cert);
  await copyFile(join(TLS, 'server.key'), certKey);
  const tlsPort = await freePort();
  const probe = await freePort();
  const other = await startSubmission(service, {
    ROHRPOST_SMTP_TLS_CERT: cert,
    ROHRPOST_SMTP_TLS_KEY: certKey,
    ROHRPOST_SMTP_TLS_PORT: String(tlsPort),
    ROHRPOST_PROBE_PORT: String(probe),
  });
  // TLS from the first byte, and after STARTTLS.
  const verified = (port: number, secure: boolean): Promise<true> =>
    createTransport({
      ...{ port, secure, host: '127.0.0.1', requireTLS: true, auth: { user: 'any', pass: key } },
      tls: { ca: testCa, servername: 'localhost' },
    }).verify();
  for (const [port, secure] of [
    [tlsPort, true],
    [other.port, false],
  ] as const)
    await expect(verified(port, secure)).rejects.toThrow();
  await copyFile(join(TLS, 'server.crt'), cert);
  other.child.kill('SIGHUP');
  for (const [port, secure] of [
    [tlsPort, true],
    [other.port, false],
  ] as const)
    await eventually(async () => expect(await verified(port, secure)).toBe(true));
  await writeFile(cert, 'no certificate');
  other.child.kill('SIGHUP');
  await eventually(() => expect(other.log.join()).toContain('the certificate cannot be read again'));
  expect(await verified(tlsPort, true)).toBe(true);
  expect((await fetch(`http://127.0.0.1:${probe}/readyz`)).status).toBe(200);
  expect(await other.end('SIGTERM')).toBe(0);
  const wrong = launchProcess('smtp', other.env);
  expect(await new Promise((resolve) => wrong.child.once('exit', resolve))).toBe(78);
  expect(wrong.log.join()).toContain('must name a certificate and its key in PEM');
  await rm(folder, { recursive: true });
});

test('the rate of a key counts messages', async () => {
  const slow = await issueKey(service, { rate: { max: 1, per: '1m' } });
  const addresses = await open();
  await addresses.say('EHLO x');
  expect(await addresses.login('x', slow)).toMatch(/^235/);
  expect(await addresses.say('MAIL FROM:<app@acme.example>')).toMatch(/^250/);
  await addresses.say('RSET');
  expect(await addresses.say('MAIL FROM:<app@acme.example>')).toMatch(/^452 4\.4\.5 .*rate/);
  addresses.cut();
});

test('a tenant that has no room left is told so for now', async () => {
  await service.ok('PUT', '/v1/tenants/full', { maxQueues: 1 });
  await service.ok('PUT', '/v1/queues/full/one', {});
  const full = await issueKey(service, { tenant: 'full', application: 'two' });
  expect(await submit(message([]), { by: full })).toMatch(/^452 4\.3\.1 the tenant full may have 1 queues/);
});

// Last: keys that were never right from here wait for a minute afterwards.
test('wrong keys are counted with those of the API', async () => {
  for (let tried = 0; tried < 100; tried++)
    await service.call('GET', '/v1/queues/acme', undefined, { key: `wrong-${tried}` });
  expect(await login('x', 'wrong')).toMatch(/^454 4\.7\.0 too many wrong keys/);
  // One that was right from here is not held up.
  expect(await login('x', key)).toMatch(/^235/);
});
