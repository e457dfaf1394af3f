// More than a thousand hostile bodies, made from a good one: each is accepted or refused with a problem, none breaks anything.
import fc from 'fast-check';
import { setUpQueue, startService, type Service } from '../support/service';

let service: Service;
let emails: string;

beforeAll(async () => {
  service = await startService({ workers: 0 });
  ({ emails } = await setUpQueue(service, 'acme/app', 1));
  await service.ok('PUT', '/v1/tenants/acme/templates/welcome', { subject: 'Hi <%= it.name %>', text: 'Hi' });
});
afterAll(() => service.close());

const GOOD = {
  to: ['Ann <ann@example.org>'],
  cc: [{ name: 'Carl', address: 'carl@example.org' }],
  subject: 'Hello',
  text: 'Hello',
  attachments: [{ filename: 'a.txt', content: 'YQ==' }],
  headers: { 'X-Case': '1' },
  sendAt: '2030-01-01T00:00:00Z',
  backoff: { type: 'fixed', delay: '1s' },
  history: { keep: true, days: 3 },
  tags: ['a'],
  metadata: { a: 1 },
};

const CRUEL = [
  '',
  '\u0000',
  '\r\n.\r\n',
  'a\r\nBcc: x@y',
  '__proto__',
  '😀'.repeat(50),
  '\ud800',
  '<script>',
  '../../etc/passwd',
  '@',
  'a@',
  '@b',
  'a@b@c',
  'x'.repeat(2_000),
  '1e999',
  '{{7*7}}',
  '<%= it %>',
  "' OR 1=1 --",
  '%s%n',
  'ａｎｎ@example.org',
  'ann@\u202eexample.org',
  'm_x:wait',
];

const cruel = fc.oneof(
  fc.constantFrom(...CRUEL),
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ maxLength: 80, unit: 'binary' }),
  fc.double({ noNaN: true }),
  fc.constantFrom(null, true, [], {}, -1, 0, 2 ** 53, 1e308),
);

/** A good email of which one to three fields are replaced, added or made a list of the cruel value. */
const hostile = fc
  .array(
    fc.tuple(
      fc.constantFrom(...Object.keys(GOOD), 'from', 'template', 'data', 'dataUrl', 'expiresAt', 'priority', 'unknown'),
      cruel,
      fc.boolean(),
    ),
    { minLength: 1, maxLength: 3 },
  )
  .map((changes) =>
    changes.reduce<Record<string, unknown>>(
      (body, [field, value, listed]) => ({ ...body, [field]: listed ? [value] : value }),
      { ...GOOD },
    ),
  );

test('1,200 hostile emails: never a 5xx, every refusal a problem document', async () => {
  const statuses = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(hostile, async (body) => {
      const answer = await service.call('POST', emails, body);
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      expect({ body, status: answer.status, fine: answer.status < 500 }).toMatchObject({ fine: true });
      if (answer.status !== 202) {
        expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
        expect(answer.body).toMatchObject({ code: expect.any(String) as string, detail: expect.any(String) as string });
      }
    }),
    { numRuns: 1_200 },
  );
  expect(statuses.get(202) ?? 0).toBeGreaterThan(0);
  expect(statuses.get(422) ?? 0).toBeGreaterThan(500);
});

test('hostile bodies for everything else', async () => {
  const paths: [string, string][] = [
    ['PUT', '/v1/tenants/acme'],
    ['PUT', '/v1/queues/acme/app'],
    ['PUT', '/v1/tenants/acme/transports/default'],
    ['PUT', '/v1/tenants/acme/templates/hostile'],
    ['POST', '/v1/keys'],
    ['POST', `${emails}/batch`],
    ['POST', `${emails}/bulk`],
    ['POST', `${emails}/render`],
  ];
  const fields = fc.constantFrom(
    'from',
    'enabled',
    'host',
    'port',
    'auth',
    'tls',
    'subject',
    'html',
    'role',
    'tenant',
    'emails',
    'dataSources',
    'dataUrl',
    'template',
    'attachments',
    'filter',
    'action',
    'rate',
    'to',
    'text',
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...paths),
      fc.dictionary(fields, cruel, { maxKeys: 4 }),
      async ([method, path], body) => {
        const { status } = await service.call(method, path, body);
        expect({ method, path, body, status, fine: status < 500 }).toMatchObject({ fine: true });
      },
    ),
    { numRuns: 600 },
  );
});
