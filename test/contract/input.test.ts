// Bad input: a clear problem document with a pointer, and nothing lost or accepted by halves.
import { request } from 'node:http';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type Answer, type Service } from '../support/service';
import { startSmtpServer, type SmtpServer } from '../support/smtp/smtp-server';

interface ProblemBody extends Record<string, unknown> {
  code: string;
  errors?: { path: string; message: string }[];
}

const authorization = `Bearer ${OPERATOR_KEY}`;

let service: Service;
let smtp: SmtpServer;
let emails: string;

beforeAll(async () => {
  service = await startService();
  smtp = await startSmtpServer();
  ({ emails } = await setUpQueue(service, 'acme/app', smtp.port));
});
afterAll(async () => {
  // Of all that was refused here nothing may have left.
  expect(smtp.messages).toEqual([]);
  await service.close();
  await smtp.close();
});

const expectProblem = (answer: Answer<ProblemBody>, status: number, code: string, path?: string): void => {
  expect({ status: answer.status, code: answer.body.code, body: answer.body }).toMatchObject({ status, code });
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(answer.headers.get('x-request-id')).toBeTruthy();
  expect(answer.body).toMatchObject({
    status,
    title: expect.any(String) as string,
    type: expect.any(String) as string,
    detail: expect.any(String) as string,
  });
  if (path !== undefined) expect(answer.body.errors?.map((error) => error.path)).toContain(path);
};

const many = (count: number): string[] => Array.from({ length: count }, (_, n) => `r${n}@example.org`);

test.each<[string, Record<string, unknown>, string, string]>([
  ['an unknown field', { colour: 'red' }, 'invalid', '/colour'],
  ['an unknown field inside', { backoff: { speed: 1 } }, 'invalid', '/backoff/speed'],
  ['a bad address', { to: ['ann@example.org', 'not an address'] }, 'invalid', '/to/1'],
  ['two addresses in one', { to: ['a@example.org, b@example.org'] }, 'invalid', '/to/0'],
  ['a quoted local part', { to: ['"a b"@example.org'] }, 'invalid', '/to/0'],
  [
    'a line break in a name',
    { to: [{ name: 'Ann\r\nBcc: x@example.org', address: 'ann@example.org' }] },
    'invalid',
    '/to/0/name',
  ],
  ['a line break in an address', { to: ['ann@example.org\r\nBcc: x@example.org'] }, 'invalid', '/to/0'],
  ['a line break in the subject', { subject: 'Hi\r\nBcc: x@example.org' }, 'invalid', '/subject'],
  ['a line break in a header', { headers: { 'X-Case': '1\r\nBcc: x@example.org' } }, 'invalid', '/headers/X-Case'],
  ['a header that cannot be folded', { headers: { 'X-Case': 'x'.repeat(900) } }, 'invalid', '/headers/X-Case'],
  ['a header with a blank line in it', { headers: { 'X-Case': `a${' '.repeat(60)}b` } }, 'invalid', '/headers/X-Case'],
  ['a header that the service sets', { headers: { 'Message-ID': '<1@x>' } }, 'invalid', '/headers/Message-ID'],
  ['a header name with a colon', { headers: { 'X:Y': '1' } }, 'invalid', '/headers/X:Y'],
  [
    'an expiry before sendAt',
    { sendAt: '2030-01-02T00:00:00Z', expiresAt: '2030-01-01T00:00:00Z' },
    'invalid',
    '/expiresAt',
  ],
  ['an expiry that is over', { expiresAt: '2020-01-01T00:00:00Z' }, 'invalid', '/expiresAt'],
  ['a time without an offset', { sendAt: '2030-01-02T00:00:00' }, 'invalid', '/sendAt'],
  ['a time too far ahead', { sendAt: '2040-01-02T00:00:00Z' }, 'invalid', '/sendAt'],
  ['101 recipients', { to: many(60), cc: many(41) }, 'invalid', '/to'],
  ['no recipient', { to: [] }, 'invalid', '/to'],
  ['no content', { text: undefined }, 'invalid', ''],
  ['content beside a template', { template: 'welcome' }, 'invalid', '/text'],
  ['data without a template', { data: { a: 1 } }, 'invalid', '/data'],
  [
    'an unknown template',
    { template: 'nowhere', subject: undefined, text: undefined },
    'template-unknown',
    '/template',
  ],
  ['an unknown transport', { transport: 'nowhere' }, 'transport-unknown', '/transport'],
  ['a wrong type', { attempts: 'three' }, 'invalid', '/attempts'],
  ['a bad span', { expiresAfter: 'tomorrow' }, 'invalid', '/expiresAfter'],
  [
    'an attachment that is no base64',
    { attachments: [{ filename: 'a.txt', content: 'äöü' }] },
    'invalid',
    '/attachments/0/content',
  ],
  ['an attachment without content', { attachments: [{ filename: 'a.txt' }] }, 'invalid', '/attachments/0'],
  [
    'a content that was never uploaded',
    { attachments: [{ filename: 'a', contentId: `sha256-${'0'.repeat(64)}` }] },
    'content-unknown',
    '/attachments/0/contentId',
  ],
  ['a message without a From', { raw: 'aGk=', subject: undefined, text: undefined }, 'invalid', '/raw'],
  ['a data source without a template', { dataUrl: 'https://erp.example/1' }, 'invalid', '/dataUrl'],
  [
    'a data source that nobody allowed',
    { subject: undefined, text: undefined, template: 'strict', dataUrl: 'https://erp.example/1' },
    'source-not-allowed',
    '/dataUrl',
  ],
  ['a data source that is no address', { dataUrl: 'file:///etc/passwd' }, 'invalid', '/dataUrl'],
  [
    'a document that nobody allowed',
    {
      attachments: [
        { filename: 'a', content: 'YQ==' },
        { filename: 'b', url: 'https://dms.example/1' },
      ],
    },
    'source-not-allowed',
    '/attachments/1/url',
  ],
  [
    'an attachment given twice',
    { attachments: [{ filename: 'a', content: 'YQ==', url: 'https://dms.example/1' }] },
    'invalid',
    '/attachments/0',
  ],
  ['a confidential email by a word', { confidential: 'yes' }, 'invalid', '/confidential'],
])('%s is refused with a pointer', async (_name, changes, code, path) => {
  const answer = await service.call<ProblemBody>('POST', emails, JSON.parse(JSON.stringify(anEmail(changes))));
  expectProblem(answer, 422, code, path);
});

test.each<[string, string | Buffer, Record<string, string>, number, string]>([
  ['broken JSON', '{"to": [', {}, 400, 'malformed-json'],
  ['a body of 26 MiB', JSON.stringify(anEmail({ text: 'x'.repeat(26 * 1024 * 1024) })), {}, 413, 'too-large'],
  ['a form', 'to=ann', { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'unsupported-media-type'],
  ['plain text', '{}', { 'content-type': 'text/plain' }, 415, 'unsupported-media-type'],
  ['a list', '[]', {}, 422, 'invalid'],
  ['null', 'null', {}, 422, 'invalid'],
  ['deep nesting', `${'{"a":'.repeat(60)}1${'}'.repeat(60)}`, {}, 422, 'invalid'],
  ['a poisoned key', '{"__proto__": {"a": 1}}', {}, 422, 'invalid'],
  [
    'a wrong charset',
    Buffer.from('{"text": "\xe9"}', 'latin1'),
    { 'content-type': 'application/json; charset=koi8-x' },
    415,
    'unsupported-media-type',
  ],
])('%s', async (_name, raw, headers, status, code) => {
  const answer = await service.call<ProblemBody>('POST', emails, undefined, {
    raw,
    headers: { 'content-type': 'application/json', ...headers },
  });
  expectProblem(answer, status, code);
});

const JSON_CALLS: [method: string, path: string][] = [
  ['POST', ''],
  ['POST', '/batch'],
  ['POST', '/render'],
  ['POST', '/bulk'],
  ['PATCH', '/m_00000000000000000000000000'],
  ['PUT', '/v1/tenants/acme'],
  ['PUT', '/v1/queues/acme/app'],
  ['PUT', '/v1/tenants/acme/transports/default'],
  ['PUT', '/v1/tenants/acme/templates/t'],
  ['POST', '/v1/tenants/acme/templates/t/render'],
  ['POST', '/v1/keys'],
];

test.each<[string, Buffer, string, number, string, string | undefined]>([
  ['Latin-1', Buffer.from('{"subject": "Grüße"}', 'latin1'), '', 400, 'not-utf-8', undefined],
  ['UTF-16', Buffer.from('\ufeff{}', 'utf16le'), '', 400, 'not-utf-8', undefined],
  [
    'Latin-1 by its name',
    Buffer.from('{"subject": "Grüße"}', 'latin1'),
    'iso-8859-1',
    415,
    'unsupported-media-type',
    undefined,
  ],
  ['UTF-16 by its name', Buffer.from('{}', 'utf16le'), 'utf-16le', 415, 'unsupported-media-type', undefined],
  ['no JSON', Buffer.from('{"to": "a",}'), 'UTF-8', 400, 'malformed-json', undefined],
  [
    'a number beyond 2^53',
    Buffer.from('{"data": {"order": 9007199254740993}}'),
    'utf-8',
    422,
    'invalid',
    '/data/order',
  ],
  ['half a surrogate pair', Buffer.from('{"data": {"a": "\\ud800"}}'), 'utf-8', 422, 'invalid', '/data/a'],
  ['a name given twice', Buffer.from('{"to": "a", "to": "b"}'), '"utf-8"', 422, 'invalid', '/to'],
  ['a NUL', Buffer.from('{"data": {"a": "x\\u0000"}}'), 'utf8', 422, 'invalid', '/data/a'],
])('%s is refused wherever JSON is taken', async (_name, raw, charset, status, code, path) => {
  const type = `application/json${charset && `; charset=${charset}`}`;
  for (const [method, at] of JSON_CALLS) {
    const to = at.startsWith('/v1') ? at : `${emails}${at}`;
    const answer = await service.call<ProblemBody>(method, to, undefined, { raw, headers: { 'content-type': type } });
    expectProblem(answer, status, code, path);
  }
});

test('a body without a type says what to send', async () => {
  const { hostname, port } = new URL(service.url);
  const answer = await new Promise<string>((resolve, reject) => {
    const asked = request({ hostname, port, method: 'POST', path: emails, headers: { authorization } }, (response) => {
      response.setEncoding('utf8').once('data', resolve);
    });
    asked.once('error', reject).end('{}');
  });
  expect(JSON.parse(answer)).toMatchObject({
    status: 415,
    detail: expect.stringContaining('no Content-Type: send the header "Content-Type: application/json"') as string,
  });
});

test('numbers that two bodies do not share are two bodies, and a query in Latin-1 is no query', async () => {
  const keyed = (order: string) =>
    service.call<ProblemBody>('POST', emails, undefined, {
      raw: `{"to":"a@x.example","template":"beyond","data":{"customer":{"name":"A"},"order":${order}},"sendAt":"2030-01-01T00:00:00Z"}`,
      headers: { 'content-type': 'application/json', 'idempotency-key': 'beyond' },
    });
  await service.ok('PUT', '/v1/tenants/acme/templates/beyond', { subject: 'Hi', text: '<%= it.order %>' });
  expect((await keyed('9007199254740991')).status).toBe(202);
  expectProblem(await keyed('9007199254740993'), 422, 'invalid', '/data/order');
  expectProblem(await keyed('9007199254740990'), 409, 'idempotency-key-reused');
  expectProblem(await service.call<ProblemBody>('GET', `${emails}?tag=Gr%FC%DFe`), 400, 'bad-request');
});

test('an idempotency key longer than 255 characters is refused', async () => {
  const answer = await service.call<ProblemBody>('POST', emails, anEmail(), {
    headers: { 'idempotency-key': 'x'.repeat(256) },
  });
  expectProblem(answer, 422, 'invalid', '/Idempotency-Key');
});

test('a batch refuses each bad line by itself', async () => {
  await service.ok('POST', '/v1/queues/acme/app/pause');
  const body = {
    emails: [anEmail(), anEmail({ to: ['nobody'] }), 7, anEmail({ idempotencyKey: 'k' })],
    defaults: { tags: ['bulk'] },
  };
  const answer = await service.call<{ results: { index: number; id?: string; problem?: ProblemBody }[] }>(
    'POST',
    `${emails}/batch`,
    body,
  );
  expect(answer.status).toBe(202);
  expect(
    answer.body.results.map(({ id, problem }) => (id === undefined ? problem?.errors?.[0]?.path : 'accepted')),
  ).toEqual(['accepted', '/emails/1/to/0', '/emails/2', 'accepted']);
  const none = await service.call('POST', `${emails}/batch`, { emails: [{}] });
  expect(none.status).toBe(422);
});

test.each<[string, string, unknown, string, string]>([
  ['PUT', '/v1/tenants/UPPER', {}, 'invalid', '/tenant'],
  ['PUT', '/v1/tenants/acme', { colour: 1 }, 'invalid', '/colour'],
  ['PUT', '/v1/queues/acme/app', { concurrency: 0 }, 'invalid', '/concurrency'],
  ['PUT', '/v1/queues/acme/app', { dataSources: ['https://x/?a'] }, 'invalid', '/dataSources/0'],
  ['PUT', '/v1/tenants/acme/transports/default', { port: 25 }, 'invalid', '/host'],
  ['PUT', '/v1/tenants/acme/transports/default', { host: 'a b' }, 'invalid', '/host'],
  [
    'PUT',
    '/v1/tenants/acme/transports/new',
    { host: 'a', auth: { user: 'a', pass: { set: true } } },
    'secret-missing',
    '/auth/pass',
  ],
  ['PUT', '/v1/tenants/acme/templates/t', { subject: 'Hi' }, 'invalid', ''],
  ['POST', '/v1/keys', { role: 'sender' }, 'invalid', '/tenant'],
  ['POST', '/v1/keys', { role: 'king', tenant: 'acme' }, 'invalid', '/role'],
])('%s %s %j is refused with a pointer', async (method, path, body, code, pointer) => {
  expectProblem(await service.call<ProblemBody>(method, path, body), 422, code, pointer);
});

test('a template with a syntax error is refused with line and column', async () => {
  const answer = await service.call<ProblemBody>('PUT', '/v1/tenants/acme/templates/broken', {
    subject: 'Hi',
    html: '<p>\n  <%= it. %>\n</p>',
  });
  expectProblem(answer, 422, 'template-syntax', '/html');
  expect(answer.body).toMatchObject({ line: 2, column: expect.any(Number) as number });
});

test('a template that fails with its data says where', async () => {
  await service.ok('PUT', '/v1/tenants/acme/templates/strict', {
    subject: 'Hi',
    text: 'Dear\n<%= it.customer.name %>',
  });
  const answer = await service.call<ProblemBody>('POST', `${emails}/render`, {
    to: ['a@example.org'],
    template: 'strict',
    data: { customer: {} },
  });
  expectProblem(answer, 422, 'template-failed', '/text');
  expect(answer.body).toMatchObject({ template: 'strict', version: 1, line: 2, column: 1 });
  expect(answer.body['detail']).toContain('it.customer.name');
});

test('what is not there is 404, also for ids that cannot be', async () => {
  for (const path of [
    `${emails}/m_00000000000000000000000000`,
    `${emails}/wait`,
    `${emails}/../../x`,
    '/v1/queues/acme/none',
    '/v1/tenants/none',
    '/v2',
  ]) {
    expectProblem(await service.call<ProblemBody>('GET', path), 404, 'not-found');
  }
});
