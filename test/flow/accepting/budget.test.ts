// What a tenant and the installation may have waiting: refused by name before Redis refuses, and again accepted when there is room.
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;

beforeAll(async () => {
  smtp = await startSmtpServer();
  service = await startService({ api: { memoryShare: 0.5 }, worker: { memoryShare: 0.5 } });
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});

const many = (count: number) => ({ emails: Array.from({ length: count }, () => anEmail()) });

test('a tenant has no more emails waiting than the operator allows, over all its queues', async () => {
  const one = await setUpQueue(service, 'acme/one', smtp.port);
  const two = await setUpQueue(service, 'acme/two', smtp.port);
  await service.ok('PUT', '/v1/tenants/acme', { maxWaiting: 10 });
  for (const { queue } of [one, two]) await service.ok('POST', `/v1/queues/${queue}/pause`);
  await service.ok('POST', `${one.emails}/batch`, many(6));
  const second = await service.call('POST', `${two.emails}/batch`, many(5));
  expect(second).toMatchObject({ status: 507, body: { code: 'queue-full' } });
  await service.ok('POST', `${two.emails}/batch`, many(4));
  const full = await service.call<{ detail: string }>('POST', one.emails, anEmail());
  expect(full).toMatchObject({ status: 507, body: { code: 'queue-full' } });
  expect(full.body.detail).toContain('may have 10');
  const other = await setUpQueue(service, 'other/app', smtp.port);
  await service.ok('POST', other.emails, anEmail());
  for (const { queue } of [one, two]) await service.ok('POST', `/v1/queues/${queue}/resume`);
  await eventually(async () => expect((await service.call('POST', one.emails, anEmail())).status).toBe(202));
});

describe('content', () => {
  const KIB = 1024;
  const attached = (bytes: Buffer, more: object = {}) =>
    anEmail({ attachments: [{ filename: 'a.bin', content: bytes.toString('base64') }], ...more });
  const bytesOf = async (queue: string) =>
    (await service.ok<{ contentBytes: number }>('GET', `/v1/queues/${queue}`)).contentBytes;
  let one: string;
  let two: string;
  let emails: Record<string, string>;
  const [first, second] = [Buffer.alloc(60 * KIB, 1), Buffer.alloc(50 * KIB, 2)];

  beforeAll(async () => {
    const queues = [
      await setUpQueue(service, 'store/one', smtp.port, { history: { days: 0 } }),
      await setUpQueue(service, 'store/two', smtp.port),
    ];
    [one, two] = queues.map(({ queue }) => queue) as [string, string];
    emails = Object.fromEntries(queues.map((made) => [made.queue, made.emails]));
    await service.ok('PUT', '/v1/tenants/store', { maxContentBytes: 100 * KIB });
    await service.ok('POST', `/v1/queues/${one}/pause`);
  });
  const post = (queue: string, body: object) => service.call<{ detail: string }>('POST', emails[queue] ?? '', body);
  const upload = (queue: string, bytes: Buffer) =>
    service.call<{ contentId: string }>('POST', `/v1/queues/${queue}/content`, undefined, { raw: bytes });

  test('has its bound, over all queues of the tenant; what a queue has already costs nothing', async () => {
    for (let n = 0; n < 3; n++) expect((await post(one, attached(first))).status).toBe(202);
    expect(await bytesOf(one)).toBe(60 * KIB);
    const full = await post(two, attached(second));
    expect(full).toMatchObject({ status: 507, body: { code: 'content-full' } });
    expect(full.body.detail).toContain(`may have ${100 * KIB}`);
    expect(await upload(two, second)).toMatchObject({ status: 507, body: { code: 'content-full' } });
    const large = { subject: 's', text: 'long '.repeat(10 * KIB), to: ['a@example.org'] };
    expect(await post(two, large)).toMatchObject({ status: 507, body: { code: 'content-full' } });
    expect(await bytesOf(two)).toBe(0);
    // Without content, and within it.
    expect((await post(two, anEmail())).status).toBe(202);
    expect((await upload(two, second.subarray(0, 40 * KIB))).status).toBe(201);
    expect(await bytesOf(two)).toBe(40 * KIB);
  });

  test('a correction adds no more than there is room for, and what it replaces is given back', async () => {
    const { emails: waiting } = await service.ok<{ emails: EmailBody[] }>('GET', emails[one] ?? '');
    expect(waiting).toHaveLength(3);
    const replace = (id: string, bytes: Buffer) =>
      service.call('PATCH', `${emails[one]}/${id}`, {
        attachments: [{ filename: 'b.bin', content: bytes.toString('base64') }],
      });
    const [a = '', b = '', c = ''] = waiting.map(({ id }) => id);
    expect(await replace(a, second)).toMatchObject({ status: 507, body: { code: 'content-full' } });
    expect((await service.email(one, a)).attachments).toMatchObject([{ size: 60 * KIB }]);
    for (const id of [a, b, c]) {
      expect((await service.call('PATCH', `${emails[one]}/${id}`, { attachments: null })).status).toBe(200);
    }
    expect(await bytesOf(one)).toBe(0);
    expect((await replace(a, second)).status).toBe(200);
    expect(await bytesOf(one)).toBe(50 * KIB);
  });

  test('where it is full, nothing is accepted that would be archived', async () => {
    const rest = await service.ok<{ contentId: string }>('POST', `/v1/queues/${one}/content`, undefined, {
      raw: Buffer.alloc(10 * KIB, 3),
    });
    const archived = anEmail({ archive: true });
    expect(await post(two, archived)).toMatchObject({ status: 507, body: { code: 'content-full' } });
    const batch = await service.call('POST', `${emails[two]}/batch`, { emails: [anEmail(), archived] });
    expect(batch).toMatchObject({ status: 507, body: { code: 'content-full' } });
    // An upload that is there already, by its id.
    expect((await post(one, anEmail({ attachments: [{ filename: 'c.bin', contentId: rest.contentId }] }))).status).toBe(
      202,
    );
  });

  test('who was refused comes back with the same key as if it were for the first time', async () => {
    const body = anEmail({ archive: true, expiresAfter: '1h' });
    const again = () =>
      service.call<EmailBody>('POST', emails[two] ?? '', body, { headers: { 'idempotency-key': 'full' } });
    expect((await again()).status).toBe(507);
    await service.ok('PUT', '/v1/tenants/store', {});
    const asked = Date.now();
    const { status, body: receipt, headers } = await again();
    expect([status, headers.get('idempotency-replayed')]).toEqual([202, null]);
    expect(Date.parse(receipt.expiresAt)).toBeGreaterThanOrEqual(asked + 3_600_000);
    await service.ok('PUT', '/v1/tenants/store', { maxContentBytes: 100 * KIB });
    await eventually(async () => expect((await service.email(two, receipt.id)).state).toBe('sent'));
    await service.ok('DELETE', `${emails[two]}/${receipt.id}`);
  });

  test('there is room again when the emails are sent and gone', async () => {
    await service.ok('POST', `/v1/queues/${one}/resume`);
    await eventually(async () => expect(await bytesOf(one)).toBe(10 * KIB), { timeout: 20_000 });
    expect((await post(two, attached(second.subarray(KIB)))).status).toBe(202);
    const { id } = await service.ok<EmailBody>('POST', emails[two] ?? '', anEmail({ archive: true }));
    await eventually(async () => expect((await service.email(two, id)).archived).toBe(true));
    const held = await bytesOf(two);
    expect(held).toBeGreaterThan(89 * KIB);
    await service.ok('DELETE', `${emails[two]}/${id}`);
    expect(await bytesOf(two)).toBe(89 * KIB);
    await service.ok('DELETE', `/v1/queues/${two}`);
    expect(await service.ok('PUT', `/v1/queues/${two}`, {})).toMatchObject({ contentBytes: 0 });
  });
});

test('an administrator may not widen it, and does not lose it', async () => {
  const { key } = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'admin', tenant: 'acme' });
  const wider = await service.call('PUT', '/v1/tenants/acme', { maxWaiting: 100 }, { key });
  expect(wider).toMatchObject({ status: 403, body: { errors: [{ path: '/maxWaiting' }] } });
  const stored = await service.call('PUT', '/v1/tenants/acme', { maxContentBytes: 100 }, { key });
  expect(stored).toMatchObject({ status: 403, body: { errors: [{ path: '/maxContentBytes' }] } });
  await service.ok('PUT', '/v1/tenants/acme', { attempts: 3 }, { key });
  expect(await service.ok('GET', '/v1/tenants/acme')).toMatchObject({ maxWaiting: 10, attempts: 3 });
});

test('the last part of Redis is kept for what is under way: 507 before it refuses, and nothing is lost', async () => {
  const { queue, emails } = await setUpQueue(service, 'memory/app', smtp.port);
  const redis = await service.redis.connect();
  const used = Number(/used_memory:(\d+)/.exec(String(await redis.call('INFO', 'memory')))?.[1]);
  const { id } = await service.ok<EmailBody>(
    'POST',
    emails,
    anEmail({ sendAt: new Date(Date.now() + 3_000).toISOString() }),
  );
  // Far from its end, and beyond half of it.
  await redis.call('CONFIG', 'SET', 'maxmemory', String(Math.round(used * 1.5)));
  await eventually(async () =>
    expect(await service.call('POST', emails, anEmail())).toMatchObject({ status: 507, body: { code: 'queue-full' } }),
  );
  await eventually(async () => expect((await service.email(queue, id)).state).toBe('sent'));
  expect((await service.email(queue, id)).attempts).toMatchObject([{ number: 1, outcome: 'sent', shortened: true }]);
  await redis.call('CONFIG', 'SET', 'maxmemory', '0');
  await eventually(async () => expect((await service.call('POST', emails, anEmail())).status).toBe(202));
  redis.disconnect();
});
