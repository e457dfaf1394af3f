// A transport's fallback is a transport of its own: with its own senders, limits, signature, numbers; and with none of its own fallback.
import { createDkim } from '../../support/smtp/dkim';
import { untilState } from '../../support/emails';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

let service: Service;
let second: SmtpServer;
let queue: string;
let emails: string;
let transports: string;
let count = 0;
/** Nothing listens there. */
let nowhere: number;

beforeAll(async () => {
  const gone = await startSmtpServer();
  nowhere = gone.port;
  await gone.close();
  service = await startService();
});
afterAll(() => service.close());
beforeEach(async () => {
  second = await startSmtpServer();
  const tenant = `t${count++}`;
  ({ queue, emails } = await setUpQueue(service, `${tenant}/app`, nowhere, { backoff: { delay: '6h' } }));
  transports = `/v1/tenants/${tenant}/transports`;
  await put('second', second.port);
  await service.ok('PATCH', `${transports}/default`, { fallback: 'second' });
});
afterEach(() => second.close());

const put = (name: string, port: number, more: object = {}) =>
  service.call('PUT', `${transports}/${name}`, { host: '127.0.0.1', port, security: 'none', ...more });
const post = async (changes: Record<string, unknown> = {}): Promise<string> =>
  (await service.ok<EmailBody>('POST', emails, anEmail(changes))).id;
const sent = (id: string) => untilState(service, queue, id, 'sent');

test('it must be another transport that is there, and is not deleted while it is named', async () => {
  const itself = await service.call('PATCH', `${transports}/default`, { fallback: 'default' });
  expect(itself).toMatchObject({ status: 422, body: { errors: [{ path: '/fallback' }] } });
  const missing = await put('third', second.port, { fallback: 'none-such' });
  expect(missing).toMatchObject({ status: 422, body: { errors: [{ path: '/fallback' }] } });
  const used = await service.call('DELETE', `${transports}/second`);
  expect(used).toMatchObject({ status: 409, body: { code: 'transport-in-use' } });
  expect(used.body['detail']).toContain('default');
  expect(await service.ok('PATCH', `${transports}/default`, { port: nowhere })).toMatchObject({ fallback: 'second' });
  await service.ok('PATCH', `${transports}/default`, { fallback: null });
  await service.ok('DELETE', `${transports}/second`);
});

test('who may not send by it waits for his own transport', async () => {
  await put('second', second.port, { allowedFrom: ['@other.example'] });
  const id = await post();
  const waits = await untilState(service, queue, id, 'deferred');
  expect(waits.attempts).toMatchObject([{ outcome: 'deferred', transport: 'default' }]);
  expect(waits.attempts[0]).not.toHaveProperty('fallback');
  expect(second.connections).toBe(0);
  await sent(await post({ from: 'billing@other.example' }));
});

test('its limits hold, and what they do not let out is as without it', async () => {
  await put('second', second.port, { limits: { perHour: 2 } });
  const ids = [await post(), await post(), await post()];
  await eventually(async () => {
    const states = await Promise.all(ids.map(async (id) => (await service.email(queue, id)).state));
    expect(states.sort()).toEqual(['deferred', 'sent', 'sent']);
  });
  expect(second.messages).toHaveLength(2);
});

test('its own fallback is not used', async () => {
  const third = await startSmtpServer();
  await put('third', third.port);
  await put('second', nowhere, { fallback: 'third' });
  const id = await post();
  const waits = await untilState(service, queue, id, 'deferred');
  expect(waits.attempts).toMatchObject([{ transport: 'default' }]);
  expect(waits.attempts[0]?.text).toMatch(/; its fallback second: the connection failed/);
  expect(third.connections).toBe(0);
  await third.close();
});

test('what goes by it is signed as it signs, kept as it went, and counted as its own', async () => {
  const dkim = createDkim('acme.example', 's2026');
  await put('second', second.port, { dkim: dkim.settings });
  await service.ok('PATCH', `/v1/queues/${queue}`, { archive: true });
  const id = await post();
  const email = await sent(id);
  expect(email.attempts).toMatchObject([
    {
      outcome: 'sent',
      transport: 'second',
      fallback: { for: 'default', because: expect.stringMatching(/REFUSED/) as string },
    },
  ]);
  const [received] = second.messages;
  expect((await dkim.verify(received?.raw ?? Buffer.alloc(0))).verdict).toBe('pass');
  const { rows } = await service.ok<{ rows: { transport: string; sent: number }[] }>(
    'GET',
    `/v1/queues/${queue}/statistics?group=transport`,
  );
  expect(rows.filter((row) => row.sent > 0)).toMatchObject([{ transport: 'second', sent: 1 }]);
});

test('while the first is down nobody asks it for each email, explain says where they go, and it is used again when it is up', async () => {
  const all = await Promise.all(Array.from({ length: 8 }, () => post()));
  await Promise.all(all.map(sent));
  const state = () => service.ok<{ breaker: string }>('GET', `${transports}/default/state`);
  expect((await state()).breaker).toBe('open');
  await service.ok('POST', `/v1/queues/${queue}/pause`);
  const { reasons } = await service.ok<{ reasons: { code: string; text: string }[] }>(
    'GET',
    `${emails}/${await post()}/explain`,
  );
  expect(reasons).toContainEqual(
    expect.objectContaining({
      code: 'transport-down',
      text: expect.stringContaining('its emails go by its fallback second meanwhile') as string,
    }),
  );
  const first = await startSmtpServer({ port: nowhere });
  await service.ok('POST', `/v1/queues/${queue}/resume`);
  await eventually(async () => {
    await sent(await post());
    expect(first.messages.length).toBeGreaterThan(0);
  });
  await first.close();
});
