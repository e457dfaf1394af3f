// Complete messages that cost more than they look: nobody else waits for them, and no process ends.
import { setUpQueue, startService, type Service } from '../support/service';
import { eventually } from '../support/wait';

let service: Service;
let emails: string;

beforeAll(async () => {
  service = await startService({ workers: 0 });
  ({ emails } = await setUpQueue(service, 'acme/app', 1));
});
afterAll(() => service.close());

const HEAD = 'From: ann@acme.example\r\nSubject: Hello\r\n';
const preview = (message: string) =>
  service.call('POST', `${emails}/render`, {
    to: 'ann@example.org',
    raw: Buffer.from(message, 'latin1').toString('base64'),
  });

test('others are answered while a message of countless parts is taken apart; it is told that it cannot be', async () => {
  const message = `${HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n\r\nx\r\n'.repeat(500_000)}`;
  let done = false;
  let answered = 0;
  const looked = preview(message).finally(() => (done = true));
  while (!done) {
    await service.ok('GET', '/livez');
    answered++;
  }
  expect(await looked).toMatchObject({ status: 422, body: { code: 'message-invalid' } });
  expect(answered).toBeGreaterThan(20);
});

test('a message nested too deep is a problem, not a fault of ours', async () => {
  const levels = Array.from(
    { length: 300 },
    (_, level) => `Content-Type: multipart/mixed; boundary="b${level}"\r\n\r\n--b${level}\r\n`,
  );
  expect(await preview(HEAD + levels.join('') + '\r\nx')).toMatchObject({
    status: 422,
    body: { code: 'message-invalid' },
  });
  // The next one finds a thread as before.
  await eventually(async () => {
    expect(await preview(`${HEAD}\r\nbody`)).toMatchObject({ status: 200, body: { subject: 'Hello' } });
  });
});

test('a large honest message is shown', async () => {
  const pdf = `${'A'.repeat(76)}\r\n`.repeat(200_000);
  const message =
    `${HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n--b\r\n` +
    `Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n${pdf}--b--\r\n`;
  expect(await preview(message)).toMatchObject({
    status: 200,
    body: { text: 'Hello\n', attachments: [{ contentType: 'application/pdf', size: 11_400_000 }] },
  });
});

test('a batch that names a large message many times takes the memory of one, and each email has it', async () => {
  const bytes = Buffer.from(`${HEAD}Bcc: secret@example.org\r\n\r\n${`${'x'.repeat(76)}\r\n`.repeat(60_000)}`);
  const { contentId } = await service.ok<{ contentId: string }>('POST', '/v1/queues/acme/app/content', undefined, {
    raw: bytes,
    headers: { 'content-type': 'application/octet-stream' },
  });
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  const timer = setInterval(() => (most = Math.max(most, process.memoryUsage().arrayBuffers)), 5);
  const line = { to: ['ann@example.org'], raw: { contentId } };
  const { results } = await service
    .ok<{ results: { id: string }[] }>('POST', `${emails}/batch`, {
      emails: Array.from({ length: 200 }, () => line),
    })
    .finally(() => clearInterval(timer));
  expect(most - before).toBeLessThan(20 * bytes.length);
  const stored = await Promise.all([0, 199].map((index) => service.email('acme/app', results[index]?.id ?? '')));
  const size = bytes.length - 'Bcc: secret@example.org\r\n'.length;
  expect(stored.map(({ raw }) => raw)).toMatchObject([{ size }, { size }]);
  expect(await service.ok('GET', `${emails}/${results[199]?.id}/content`)).toMatchObject({ subject: 'Hello' });
  const bad = { to: ['ann@example.org'], raw: Buffer.from('no header').toString('base64') };
  const mixed = await service.call<{ results: unknown[] }>('POST', `${emails}/batch`, { emails: [line, bad] });
  expect(mixed.body.results).toMatchObject([{}, { problem: { errors: [{ path: '/emails/1/raw' }] } }]);
});
