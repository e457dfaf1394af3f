// Data and documents that are fetched when an email is sent: what the sources say then, not what they said before.
import { createHmac, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { untilState } from '../../support/emails';
import { json, startHttpSource, type HttpSource } from '../../support/http/http-source';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;
let source: HttpSource;
let queue: string;
let emails: string;
let count = 0;

beforeAll(async () => {
  service = await startService({ api: { allowPrivate: ['127.0.0.0/8'] }, worker: { allowPrivate: ['127.0.0.0/8'] } });
});
afterAll(() => service.close());
beforeEach(async () => {
  smtp = await startSmtpServer();
  source = await startHttpSource();
  ({ queue, emails } = await setUpQueue(service, `acme/app-${count++}`, smtp.port, {
    dataSources: [`${source.url}/data`, `${source.url}/docs/`],
    backoff: { type: 'fixed', delay: '100ms', jitter: 0 },
  }));
  await service.ok('PUT', '/v1/tenants/acme/templates/invoice', {
    subject: 'Invoice <%= it.number %>',
    text: 'Total <%= it.total %>',
  });
});
afterEach(async () => {
  await smtp.close();
  await source.close();
});

const accept = (body: Record<string, unknown>) => service.ok<EmailBody>('POST', emails, body);
const invoice = (changes: Record<string, unknown> = {}) => ({
  to: ['Ann <ann@example.org>'],
  template: 'invoice',
  data: { number: '114', total: 'unknown' },
  dataUrl: `${source.url}/data/114`,
  ...changes,
});
const ended = (id: string, state: string) => untilState(service, queue, id, state);
const spooled = (): Promise<string[]> => readdir(join(service.dataDir, 'spool')).catch(() => []);

test('data that changes after acceptance arrives as it is then, merged over what was given', async () => {
  let total = '1 EUR';
  source.answer((_request, response) => json(response, { total }));
  await service.ok('POST', `/v1/queues/${queue}/pause`);
  const { id } = await accept(invoice());
  const before = await service.ok('GET', `${emails}/${id}/content`);
  expect(before).toMatchObject({ subject: 'Invoice 114', text: 'Total 1 EUR' });
  total = '2 EUR';
  await service.ok('POST', `/v1/queues/${queue}/resume`);
  const [mail] = await smtp.waitForMessages(1);
  expect((await mail?.parsed())?.text).toContain('Total 2 EUR');
  expect((await ended(id, 'sent'))['dataUrl']).toBe(`${source.url}/data/114`);
});

test('a source that fails for now defers the email, with its words, and the transport is not blamed', async () => {
  let fail = 2;
  source.answer((_request, response) => json(response, { total: '3 EUR' }, fail-- > 0 ? 500 : 200));
  const { id } = await accept(invoice());
  const email = await ended(id, 'sent');
  expect(email.attempts.map(({ outcome }) => outcome)).toEqual(['deferred', 'deferred', 'sent']);
  expect(email.attempts[0]?.text).toMatch(/\/data\/114 answered 500/);
  expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ breaker: 'closed' });
});

test.each<[string, (response: Parameters<Parameters<HttpSource['answer']>[0]>[1]) => void, string, RegExp]>([
  ['a source that knows nothing of it', (response) => json(response, {}, 404), 'data-gone', /answered 404/],
  ['a list', (response) => json(response, [1]), 'data-invalid', /JSON object/],
  ['a page', (response) => response.end('<html>'), 'data-invalid', /not valid JSON: in line 1, column 1/],
  ['Latin-1', (response) => response.end(Buffer.from('{"a":"ä"}', 'latin1')), 'data-invalid', /not UTF-8 from byte 6/],
  [
    'a number beyond a double',
    (response) => response.end('{"total":9007199254740993}'),
    'data-invalid',
    /\/data\/114, \/total cannot be kept as the number 9007199254740993/,
  ],
  ['a name given twice', (response) => response.end('{"total":1,"total":2}'), 'data-invalid', /\/total is given twice/],
  ['poison', (response) => response.end('{"a":{"__proto__":{"x":1}}}'), 'data-invalid', /__proto__/],
  ['a well', (response) => response.end(`{"a":${'['.repeat(9_999)}${']'.repeat(9_999)}}`), 'data-invalid', /deeper/],
  ['a flood', (response) => response.end(`{"a":"${'x'.repeat(1_100_000)}"}`), 'data-invalid', /larger than 1048576/],
  [
    'a way out',
    (response) => response.writeHead(302, { location: '/elsewhere' }).end(),
    'source-not-allowed',
    /none of the allowed data sources/,
  ],
])('%s fails the email with a clear reason, and nothing is sent', async (_name, answer, code, text) => {
  source.answer((_request, response) => answer(response));
  const { id } = await accept(invoice());
  const email = await ended(id, 'failed');
  expect(email.reason).toEqual({ code, text: expect.stringMatching(text) as string });
  expect(smtp.connections).toBe(0);
});

test('a correction gives another source; a source that is not allowed any more is not asked', async () => {
  source.answer((request, response) => json(response, { total: request.url }));
  await service.ok('POST', `/v1/queues/${queue}/pause`);
  const { id } = await accept(invoice());
  const second = await accept(invoice());
  await service.ok('PATCH', `${emails}/${id}`, { dataUrl: `${source.url}/data/115` });
  const outside = await service.call('PATCH', `${emails}/${id}`, { dataUrl: `${source.url}/database` });
  expect(outside).toMatchObject({ status: 422, body: { code: 'source-not-allowed', errors: [{ path: '/dataUrl' }] } });
  await service.ok('PUT', `/v1/queues/${queue}`, {
    from: 'a@b.example',
    dataSources: [`${source.url}/data/115`],
    enabled: true,
  });
  const [mail] = await smtp.waitForMessages(1);
  expect((await mail?.parsed())?.text).toContain('Total /data/115');
  expect((await ended(second.id, 'failed')).reason?.code).toBe('source-not-allowed');
  expect(source.asked.map(({ path }) => path)).toEqual(['/data/115']);
});

test('requests are signed: whoever knows the secret can tell, also while it is changed', async () => {
  const path = '/v1/tenants/acme/signing-secret';
  const first = await service.ok<{ secret: string }>('GET', path);
  // Two change it at once: what either was shown holds, and so does what the source knows.
  const change = () => service.ok<{ secret: string; previous: { secret: string } }>('POST', path);
  const both = await Promise.all([change(), change()]);
  const present = (await service.ok<{ secret: string }>('GET', path)).secret;
  const [changed, between] = both[0].secret === present ? both : [both[1], both[0]];
  expect([changed.previous.secret, between.previous.secret]).toEqual([between.secret, first.secret]);
  const { id } = await accept(invoice({ data: { number: '114', total: '1' } }));
  await ended(id, 'sent');
  const headers: Record<string, unknown> = source.asked[0]?.headers ?? {};
  const [messageId, time] = [String(headers['webhook-id']), String(headers['webhook-timestamp'])];
  expect(messageId.startsWith(id)).toBe(true);
  expect(Math.abs(Number(time) * 1_000 - Date.now())).toBeLessThan(60_000);
  const expected = [changed.secret, between.secret, first.secret].map((secret) => {
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    return `v1,${createHmac('sha256', key).update(`${messageId}.${time}.`).digest('base64')}`;
  });
  expect(headers['webhook-signature']).toBe(expected.join(' '));
});

test('documents arrive byte for byte, with their types, and leave nothing behind', async () => {
  const large = randomBytes(20 * 1024 * 1024);
  const bodies: Record<string, [Buffer, string | undefined]> = {
    '/docs/large': [large, 'application/octet-stream'],
    '/docs/sheet': [Buffer.from('a;b'), 'text/csv; charset=utf-8'],
    '/docs/unnamed': [Buffer.from('%PDF-1.7 ...'), undefined],
    '/docs/page': [Buffer.from('<html><script>'), undefined],
  };
  source.answer((request, response) => {
    const [body, type] = bodies[request.url ?? ''] ?? [];
    response.writeHead(200, type === undefined ? {} : { 'content-type': type }).end(body);
  });
  const attachments = [
    { filename: 'large.zip', url: `${source.url}/docs/large` },
    { filename: 'sheet', url: `${source.url}/docs/sheet` },
    { filename: 'letter', url: `${source.url}/docs/unnamed` },
    { filename: 'page', url: `${source.url}/docs/page` },
    { filename: 'kept', content: Buffer.from('\x89PNG\r\n\x1a\n', 'latin1').toString('base64') },
    { filename: 'own', url: `${source.url}/docs/page`, contentType: 'text/x-own' },
  ];
  const { id } = await accept(anEmail({ attachments }));
  const [mail] = await smtp.waitForMessages(1);
  const parsed = await mail?.parsed();
  expect(parsed?.attachments.map(({ filename, contentType }) => [filename, contentType])).toEqual([
    ['large.zip', 'application/zip'],
    ['sheet', 'text/csv'],
    ['letter', 'application/pdf'],
    ['page', 'application/octet-stream'],
    ['kept', 'image/png'],
    ['own', 'text/x-own'],
  ]);
  expect(parsed?.attachments[0]?.content.equals(large)).toBe(true);
  expect(parsed?.attachments[3]?.content.toString()).toBe('<html><script>');
  await ended(id, 'sent');
  expect(await spooled()).toEqual([]);
  const ids = source.asked.map(({ headers }) => String(headers['webhook-id']));
  expect([new Set(ids).size, ids.every((one) => one.startsWith(id))]).toEqual([5, true]);
});

test('while the transport is down, sources are not asked for emails that it would not take', async () => {
  source.answer((_request, response) => json(response, { total: '1' }));
  await smtp.close();
  await service.ok('POST', `${emails}/batch`, { emails: Array.from({ length: 40 }, () => invoice()) });
  const down = await eventually(async () => {
    const status = await service.ok<{ breaker: string; counts: Record<string, number> }>('GET', `/v1/queues/${queue}`);
    expect([status.breaker, status.counts['sending']]).toEqual(['open', 0]);
    return source.asked.length;
  });
  // At most ten at a time were under way before it was known.
  expect(down).toBeLessThan(40);
  await eventually(() => expect(source.asked.length).toBeGreaterThan(down));
  // Each later question belongs to a probe, one at a time after a growing pause.
  expect(source.asked.length).toBeLessThan(40);
});

test('documents are bounded each and together', async () => {
  const mib = 1024 * 1024;
  const sizes: Record<string, number> = { '/docs/26': 26 * mib, '/docs/20': 20 * mib };
  source.answer((request, response) => response.end(Buffer.alloc(sizes[request.url ?? ''] ?? 0)));
  const attach = (...names: string[]) =>
    anEmail({ attachments: names.map((name) => ({ filename: name, url: `${source.url}/docs/${name}` })) });
  for (const email of [attach('26'), attach('20', '20', '20')]) {
    const { id } = await accept(email);
    expect((await ended(id, 'failed')).reason).toEqual({
      code: 'attachment-invalid',
      text: expect.stringMatching(/is larger than .* \(25 MiB each, 50 MiB in all/) as string,
    });
  }
  expect(smtp.connections).toBe(0);
  expect(await spooled()).toEqual([]);
});

test('a document that is gone fails the email, one that breaks off in the middle is fetched again', async () => {
  source.answer((_request, response) => json(response, {}, 410));
  const gone = await accept(anEmail({ attachments: [{ filename: 'a', url: `${source.url}/docs/a` }] }));
  expect((await ended(gone.id, 'failed')).reason?.code).toBe('attachment-gone');
  let broken = true;
  source.answer((_request, response) => {
    if (!broken) return void response.end('whole');
    broken = false;
    response.writeHead(200, { 'content-length': '1000' }).write('half');
    setImmediate(() => response.destroy());
  });
  const { id } = await accept(anEmail({ attachments: [{ filename: 'b', url: `${source.url}/docs/b` }] }));
  const email = await ended(id, 'sent');
  expect(email.attempts.map(({ outcome }) => outcome)).toEqual(['deferred', 'sent']);
  expect((await smtp.messages[0]?.parsed())?.attachments[0]?.content.toString()).toBe('whole');
  expect(await spooled()).toEqual([]);
});

test('only the operator changes where data may come from; with other keys it stays', async () => {
  const { key } = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'admin', tenant: 'acme' });
  const path = `/v1/queues/${queue}`;
  const kept = [`${source.url}/data`, `${source.url}/docs/`];
  for (const given of [{}, { dataSources: kept }]) {
    await service.ok('PUT', path, { from: 'a@b.example', ...given }, { key });
    expect(await service.ok('GET', path)).toMatchObject({ from: 'a@b.example', dataSources: kept });
  }
  for (const given of [[], ['https://elsewhere.example/']]) {
    for (const target of [path, '/v1/tenants/acme']) {
      const answer = await service.call('PUT', target, { dataSources: given }, { key });
      const refused = target === path || given.length > 0;
      expect(answer.status).toBe(refused ? 403 : 200);
      if (refused) expect(answer.body).toMatchObject({ code: 'forbidden', errors: [{ path: '/dataSources' }] });
    }
  }
  expect((await service.call('DELETE', path, undefined, { key })).status).toBe(403);
  await service.ok('PUT', path, {});
  expect((await service.ok('GET', path))['dataSources']).toBeUndefined();
});

test('a preview asks the source; whoever may only read does not', async () => {
  source.answer((_request, response) => json(response, { total: '5 EUR' }));
  expect(await service.ok('POST', `${emails}/render`, invoice())).toMatchObject({ text: 'Total 5 EUR' });
  const { key } = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'reader', tenant: 'acme' });
  expect((await service.call('POST', `${emails}/render`, invoice(), { key })).status).toBe(403);
  source.answer((_request, response) => json(response, {}, 503));
  const answer = await service.call('POST', `${emails}/render`, invoice());
  expect(answer).toMatchObject({ status: 422, body: { code: 'data-unavailable', errors: [{ path: '/dataUrl' }] } });
});
