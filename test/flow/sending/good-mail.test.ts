// What makes an email welcome: signed, marked as automatic, easy to leave, from a sender who may.
import { generateKeyPairSync } from 'node:crypto';
import { createDkim } from '../../support/smtp/dkim';
import { untilState } from '../../support/emails';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';

let service: Service;
let smtp: SmtpServer;
let queue: string;
let emails: string;
let count = 0;
const dkim = createDkim('acme.example', 's2026');

beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());
beforeEach(async () => {
  smtp = await startSmtpServer();
  ({ queue, emails } = await setUpQueue(service, `acme/app-${count++}`, smtp.port));
});
afterEach(() => smtp.close());

const transport = '/v1/tenants/acme/transports/default';
const put = (fields: Record<string, unknown>) =>
  service.call('PUT', transport, { host: '127.0.0.1', port: smtp.port, security: 'none', ...fields });
const state = (id: string, state: string) => untilState(service, queue, id, state);

test('a transport with a key signs, and the key is never read back', async () => {
  const answer = await put({ dkim: dkim.settings });
  expect(answer.status).toBe(200);
  expect(JSON.stringify(answer.body)).not.toContain('PRIVATE KEY');
  expect(answer.body).toMatchObject({ dkim: { domain: 'acme.example', privateKey: { set: true } } });
  // A key that is set stays.
  expect((await put({ dkim: { ...dkim.settings, privateKey: { set: true } } })).status).toBe(200);
  await service.ok('POST', emails, anEmail({ subject: 'Öl', html: '<p>Grüße</p>' }));
  const [received] = await smtp.waitForMessages(1);
  expect((await dkim.verify(received?.raw ?? Buffer.alloc(0))).verdict).toBe('pass');
});

/** What a signature must cover, and what of it nobody may add to a signed message. */
const FIELDS = {
  From: 'Acme <s@acme.example>',
  Sender: 'service@acme.example',
  To: 'ann@example.org',
  Cc: 'bob@example.org',
  Subject: 'Hello',
  Date: 'Mon, 2 Nov 2026 10:00:00 +0100',
  'Message-ID': '<m@acme.example>',
  'Reply-To': 'help@acme.example',
  'In-Reply-To': '<a@example.org>',
  References: '<a@example.org>\r\n\t<b@example.org>  \r\n <c@example.org>',
  'MIME-Version': '1.0',
  'Content-Type': 'text/plain; charset=utf-8',
  'Content-Transfer-Encoding': '8bit',
  'List-Id': '<news.acme.example>',
  'List-Unsubscribe': '<https://acme.example/off?1>',
  'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
  'List-Help': '<mailto:help@acme.example>',
  'Auto-Submitted': 'auto-generated',
  'Feedback-ID': '1:2:3:acme',
};

test('every field that matters is signed: none of them can be changed, taken away or added', async () => {
  await put({ dkim: dkim.settings });
  const lines = Object.entries(FIELDS).map(([name, value]) => `${name}: ${value}\r\n`);
  const many = [
    'Comments: a\r\n',
    'comments :\t b\r\n',
    'Resent-From: x@acme.example\r\n',
    'Resent-From: y@acme.example\r\n',
  ];
  const bytes = Buffer.from([...lines, ...many, '\r\nGr\xc3\xbc\xc3\x9fe\r\n'].join(''), 'latin1');
  await service.ok('POST', emails, { to: ['ann@example.org'], raw: bytes.toString('base64') });
  const [received] = await smtp.waitForMessages(1);
  const signed = received?.raw.toString('latin1') ?? '';
  const verdict = async (text: string): Promise<string> => (await dkim.verify(Buffer.from(text, 'latin1'))).verdict;
  expect(await verdict(signed)).toBe('pass');
  for (const line of [...lines, ...many]) {
    const [name = ''] = line.split(/[ :]/);
    expect({ taken: name, verdict: await verdict(signed.replace(line, '')) }).toEqual({
      taken: name,
      verdict: 'bad signature',
    });
    const changed = signed.replace(line, line.replace(/.\r\n$/, '~\r\n'));
    expect({ changed: name, verdict: await verdict(changed) }).toEqual({ changed: name, verdict: 'bad signature' });
  }
  for (const [name, value] of Object.entries(FIELDS)) {
    const added = await verdict(`${name}: other ${value}\r\n${signed}`);
    expect({ added: name, verdict: added }).toEqual({ added: name, verdict: 'bad signature' });
  }
  // What servers on the way add or rewrite changes nothing.
  const traced = `Received: from a by b\r\nAuthentication-Results: b; dkim=pass\r\nX-Spam-Score: 0\r\n${signed}`;
  expect(await verdict(traced.replace('Subject: Hello', 'SUBJECT:   Hello  '))).toBe('pass');
  expect(await verdict(signed.replace('Gr', 'gr'))).toBe('body hash did not verify');
});

test('a message that has none of them cannot be given a Cc, a Reply-To, a second From, To or Subject', async () => {
  await put({ dkim: dkim.settings });
  await service.ok('POST', emails, anEmail());
  const [received] = await smtp.waitForMessages(1);
  for (const name of ['From', 'To', 'Cc', 'Subject', 'Reply-To']) {
    const touched = Buffer.concat([Buffer.from(`${name}: x@evil.example\r\n`), received?.raw ?? Buffer.alloc(0)]);
    expect({ name, verdict: (await dkim.verify(touched)).verdict }).toEqual({ name, verdict: 'bad signature' });
  }
});

test('a key of 1024 bits or of 4096 signs too; headers wide of ASCII and many recipients are covered', async () => {
  for (const bits of [1_024, 4_096]) {
    const other = createDkim('acme.example', `s${bits}`, bits);
    expect((await put({ dkim: other.settings })).status).toBe(200);
    const to = Array.from({ length: 40 }, (_, n) => `"Müller, Ann ${n}" <ann${n}@example.org>`);
    const { id } = await service.ok<EmailBody>('POST', emails, anEmail({ to, subject: 'Öl '.repeat(60) }));
    await state(id, 'sent');
    const verified = await other.verify(smtp.messages.at(-1)?.raw ?? Buffer.alloc(0));
    expect(verified.verdict).toBe('pass');
    expect(verified.covered).toEqual(
      expect.arrayContaining(['from', 'to', 'subject', 'date', 'message-id', 'auto-submitted']),
    );
  }
});

test('a key that cannot sign is refused where it is put', async () => {
  const ed25519 = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  for (const bad of ['no key', dkim.publicKey, ed25519]) {
    const answer = await put({ dkim: { domain: 'acme.example', selector: 's', privateKey: bad } });
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ path: '/dkim/privateKey' }] } });
  }
  await service.ok('DELETE', transport);
  expect(await put({ dkim: { domain: 'acme.example', selector: 's', privateKey: { set: true } } })).toMatchObject({
    status: 422,
    body: { code: 'secret-missing', errors: [{ path: '/dkim/privateKey' }] },
  });
});

test('it says that no person wrote it, unless the email says otherwise', async () => {
  await service.ok('POST', emails, anEmail());
  await service.ok('POST', emails, anEmail({ headers: { 'Auto-Submitted': 'no' } }));
  const found = (await smtp.waitForMessages(2)).map(({ raw }) => /^Auto-Submitted: (.*)\r$/m.exec(raw.toString())?.[1]);
  expect(found.sort()).toEqual(['auto-generated', 'no']);
});

test('one click takes a recipient off the list, by the setting of the queue', async () => {
  const listUnsubscribe = {
    url: 'https://acme.example/u?m={id}&r={recipient}',
    mailto: 'off@acme.example?subject={id}',
  };
  await put({ dkim: dkim.settings });
  await service.ok('PUT', `/v1/queues/${queue}`, { from: 's@acme.example', listUnsubscribe });
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail({ to: ['ann+x@example.org'] }));
  const [received] = await smtp.waitForMessages(1);
  const mail = await received?.parsed();
  expect(received?.raw.toString()).toContain('List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n');
  expect(received?.raw.toString().replace(/\r\n[ \t]+/g, ' ')).toContain(
    `List-Unsubscribe: <https://acme.example/u?m=${id}&r=ann%2Bx%40example.org>, <mailto:off@acme.example?subject=${id}>\r\n`,
  );
  expect(mail?.headers.get('list')).toBeDefined();
  // RFC 8058 4: both are covered.
  expect(await dkim.verify(received?.raw ?? Buffer.alloc(0))).toEqual({
    verdict: 'pass',
    covered: expect.arrayContaining(['list-unsubscribe', 'list-unsubscribe-post']) as string[],
  });
  const two = await service.call('POST', emails, anEmail({ to: ['a@example.org', 'b@example.org'] }));
  expect(two).toMatchObject({ status: 422, body: { errors: [{ path: '/to' }] } });
  for (const bad of [{ url: 'http://acme.example' }, { url: 'https://a b' }, {}, { mailto: 'nobody' }]) {
    const answer = await service.call('PUT', `/v1/queues/${queue}`, { from: 's@acme.example', listUnsubscribe: bad });
    expect(answer.status).toBe(422);
  }
});

test('a transport lets out only whom it allows: told at acceptance, and held to at its time', async () => {
  const sendAt = new Date(Date.now() + 1_500).toISOString();
  const later = await service.ok<EmailBody>('POST', emails, anEmail({ from: 'boss@other.example', sendAt }));
  await put({ allowedFrom: ['@acme.example', 'news@list.example'] });
  const refused = await service.call('POST', emails, anEmail({ from: 'boss@other.example' }));
  expect(refused).toMatchObject({ status: 422, body: { code: 'from-not-allowed', errors: [{ path: '/from' }] } });
  expect((await service.call('POST', emails, anEmail({ from: 'x@sub.acme.example' }))).status).toBe(422);
  for (const from of ['Anyone@ACME.example', 'news@list.example']) await service.ok('POST', emails, anEmail({ from }));
  await smtp.waitForMessages(2);
  const failed = await state(later.id, 'failed');
  expect(failed.reason).toMatchObject({ code: 'from-not-allowed' });
  await service.ok('PATCH', `${emails}/${later.id}`, { from: 'news@list.example', sendAt: null });
  await service.ok('POST', `${emails}/${later.id}/release`);
  await state(later.id, 'sent');
});
