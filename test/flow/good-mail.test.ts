// What makes an email welcome: signed, marked as automatic, easy to leave, from a sender who may.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { untilState } from '../support/emails';
import { verifyDkim } from '../support/dkim';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../support/service';
import { startSmtpServer, type SmtpServer } from '../support/smtp-server';

let service: Service;
let smtp: SmtpServer;
let queue: string;
let emails: string;
let count = 0;
const { publicKey, privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2_048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});

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

test('a transport with a key signs every message, small and large; the key is never read back', async () => {
  const dkim = { domain: 'acme.example', selector: 's2026', privateKey };
  const answer = await put({ dkim });
  expect(answer.status).toBe(200);
  expect(JSON.stringify(answer.body)).not.toContain('PRIVATE KEY');
  expect(answer.body).toMatchObject({ dkim: { domain: 'acme.example', privateKey: { set: true } } });
  // A key that is set stays.
  expect((await put({ dkim: { ...dkim, privateKey: { set: true } } })).status).toBe(200);
  const large = randomBytes(3 * 1024 * 1024).toString('base64');
  await service.ok('POST', emails, anEmail({ subject: 'Öl', html: '<p>Grüße\n.\n..</p>' }));
  await service.ok('POST', emails, anEmail({ attachments: [{ filename: 'a.bin', content: large }] }));
  await smtp.waitForMessages(2, 20_000);
  for (const { raw } of smtp.messages) {
    const verdict = verifyDkim(raw, publicKey);
    expect(verdict).toMatchObject({ domain: 'acme.example', selector: 's2026', body: true, signature: true });
    expect(verdict?.headers).toEqual(expect.arrayContaining(['from', 'to', 'subject', 'date', 'message-id']));
    const touched = Buffer.from(raw.toString('latin1').replace(/^Subject: .*/m, 'Subject: other'), 'latin1');
    expect(verifyDkim(touched, publicKey)?.signature).toBe(false);
  }
});

test('a key that cannot sign is refused where it is put', async () => {
  for (const bad of ['no key', publicKey]) {
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
  await service.ok('PUT', `/v1/queues/${queue}`, { from: 's@acme.example', listUnsubscribe });
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail({ to: ['ann+x@example.org'] }));
  const [received] = await smtp.waitForMessages(1);
  const mail = await received?.parsed();
  expect(received?.raw.toString()).toContain('List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n');
  expect(received?.raw.toString().replace(/\r\n[ \t]+/g, ' ')).toContain(
    `List-Unsubscribe: <https://acme.example/u?m=${id}&r=ann%2Bx%40example.org>, <mailto:off@acme.example?subject=${id}>\r\n`,
  );
  expect(mail?.headers.get('list')).toBeDefined();
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
