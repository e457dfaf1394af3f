// What is answered to wrong input: our words, wherever it is handed in, and nothing of the library that found it.
import { anEmail, setUpQueue, startService, type Answer, type Service } from '../support/service';

interface ProblemBody extends Record<string, unknown> {
  code: string;
  detail: string;
  errors?: { path: string; message: string }[];
}
interface Schema extends Record<string, unknown> {
  $ref?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
  enum?: unknown[];
  additionalProperties?: Schema | boolean;
}
interface Operation {
  parameters?: { name: string; in: string }[];
  requestBody?: { content: Record<string, { schema?: Schema }> };
}
interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

let service: Service;
let document: Document;
const EMAILS = '/v1/queues/acme/app/emails';

beforeAll(async () => {
  service = await startService({ workers: 0 });
  await setUpQueue(service, 'acme/app', 1);
  await service.ok('PUT', '/v1/tenants/acme/templates/welcome', { subject: 'Hi', text: 'Hi' });
  document = await service.ok<Document>('GET', '/openapi.json');
});
afterAll(() => service.close());

/** How zod says things (zod/v4/locales/en), and what would be a value of JavaScript. */
const FOREIGN =
  /Invalid (?:input|option|string|number|key|value|discriminator|ISO|URL)|[Ee]xpected \w+, received|Too (?:big|small)|Unrecognized key|NaN|undefined|\[object/;
const WRONG = [null, true, 7.5, -1e9, 1e300, '', 'x y\n', 'x'.repeat(3_000), [], [null], [[]], {}, { nonsense: 1 }];

const values: Record<string, string> = { tenant: 'acme', application: 'app', name: 'welcome', version: '1', id: '' };
const addressOf = (path: string): string => path.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? name);
const bodySchema = ({ requestBody }: Operation): Schema | undefined => requestBody?.content['application/json']?.schema;

/** Every place of a schema, as functions that put a value there. */
const places = (schema: Schema, depth = 0): ((value: unknown) => unknown)[] => {
  if (schema.$ref !== undefined)
    return places(document.components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {}, depth);
  if (depth > 3) return [(value) => value];
  const inner = [
    ...Object.entries(schema.properties ?? {}).flatMap(([name, one]) =>
      places(one, depth + 1).map((put) => (value: unknown) => ({ [name]: put(value) })),
    ),
    ...(schema.items ? places(schema.items, depth + 1).map((put) => (value: unknown) => [put(value)]) : []),
    ...(typeof schema.additionalProperties === 'object'
      ? places(schema.additionalProperties, depth + 1).map((put) => (value: unknown) => ({ some: put(value) }))
      : []),
    ...(schema.anyOf ?? []).flatMap((one) => places(one, depth + 1)),
  ];
  return [(value) => value, ...inner];
};

const expectOurWords = (what: unknown, { status, body }: Answer<ProblemBody>): void => {
  if (status < 400) return;
  const said = [body.detail, ...(body.errors ?? []).map(({ message }) => message)];
  const foreign = said.filter((text) => FOREIGN.test(text) || text.length > 1_000 || text.trim() === '');
  expect({ what, status: status < 500, foreign, many: (body.errors ?? []).length > 20 }).toEqual({
    what,
    status: true,
    foreign: [],
    many: false,
  });
};

test('a wrong value of every kind in every place of every body is told in our words', async () => {
  const { id } = await service.ok<{ id: string }>('POST', EMAILS, anEmail({ sendAt: '2030-01-01T00:00:00Z' }));
  values['id'] = id;
  let asked = 0;
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const schema = bodySchema(operation);
      if (schema === undefined) continue;
      const all = path.endsWith('{id}') ? (document.components.schemas['Email'] ?? schema) : schema;
      const bodies = places(all).flatMap((put) => WRONG.map(put));
      for (let from = 0; from < bodies.length; from += 25) {
        const some = bodies.slice(from, from + 25);
        const answers = await Promise.all(
          some.map((body) => service.call<ProblemBody>(method.toUpperCase(), addressOf(path), body)),
        );
        asked += answers.length;
        for (const [index, answer] of answers.entries())
          expectOurWords(`${method} ${path} ${JSON.stringify(some[index]).slice(0, 200)}`, answer);
      }
    }
  }
  expect(asked).toBeGreaterThan(1_000);
}, 120_000);

test('a wrong value of every parameter is told in our words', async () => {
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const { name } of methods['get']?.parameters?.filter((one) => one.in === 'query') ?? []) {
      for (const value of ['', 'x y', '-1', '1e9', '2026-12-01', `1&${name}=2`, 'x'.repeat(2_000)]) {
        const query = `${name}=${value}&nonsense=1`;
        expectOurWords(`${path}?${query}`, await service.call<ProblemBody>('GET', `${addressOf(path)}?${query}`));
      }
    }
  }
});

test.each<[string, Record<string, unknown>, string, RegExp]>([
  ['several addresses in one string', { to: 'a@x.example, b@x.example' }, '/to', /give a list of strings/],
  ['several, with names', { to: ['Ann <a@x.example>; Bob <b@x.example>'] }, '/to/0', /give a list of strings/],
  ['email for address', { to: [{ email: 'a@x.example' }] }, '/to/0/email', /did you mean address\?/],
  ['an address without one', { to: [{ name: 'Ann' }] }, '/to/0/address', /^is missing: give a string/],
  ['a list for one address', { from: ['a@x.example'] }, '/from', /must be one address, not a list/],
  ['a number for an address', { to: 5 }, '/to', /must be an address, like "Ann/],
  ['a list for an object', { metadata: [] }, '/metadata', /must be an object \{\.\.\.\}, not a list \(PHP/],
  ['null', { subject: null }, '/subject', /is null: leave the field out, or give a string/],
  ['null for addresses', { cc: null }, '/cc', /is null: leave the field out/],
  ['a date without time', { sendAt: '2026-12-01' }, '/sendAt', /has no time: .* like 2026-12-01T08:00:00\+01:00/],
  ['a date without offset', { sendAt: '2026-12-01T08:00:00' }, '/sendAt', /has no offset/],
  ['a date with a space', { sendAt: '2026-12-01 08:00:00Z' }, '/sendAt', /write a T there/],
  ['an offset without colon', { sendAt: '2026-12-01T08:00:00+0100' }, '/sendAt', /without a colon/],
  ['a day that is none', { expiresAt: '2027-02-30T08:00:00Z' }, '/expiresAt', /no day of the calendar/],
  ['seconds since 1970', { sendAt: 1796112000 }, '/sendAt', /seconds since 1970 are not taken/],
  ['a misspelt field', { send_at: '2026-12-01T08:00:00Z' }, '/send_at', /did you mean sendAt\?/],
  ['another one', { atachments: [] }, '/atachments', /did you mean attachments\?/],
  ['one that is like nothing', { colour: 1 }, '/colour', /^is not a known field$/],
  ['a key in the body', { idempotencyKey: 'k' }, '/idempotencyKey', /header of the request/],
  ['a misspelt value', { priority: 'hihg' }, '/priority', /one of "high", "normal", "low": did you mean "high"\?/],
  ['a number in quotes', { attempts: '3' }, '/attempts', /must be a number, not a string: write it without quotes/],
  ['a fraction', { attempts: 2.5 }, '/attempts', /whole number, not 2\.5/],
  ['too many', { attempts: 5_000 }, '/attempts', /^must be at most 1000$/],
  ['too long', { tags: ['x'.repeat(65)] }, '/tags/0', /has 65 characters: at most 64/],
  [
    'another kind than any allowed',
    { metadata: { a: {} } },
    '/metadata/a',
    /a string or a number or true or false, not/,
  ],
])('%s: says what to do', async (_name, changes, path, message) => {
  const { status, body } = await service.call<ProblemBody>('POST', EMAILS, anEmail(changes));
  expect(status).toBe(422);
  expect(body.errors).toContainEqual({ path, message: expect.stringMatching(message) as string });
});

test('a list, null or nothing instead of the body', async () => {
  for (const [raw, text] of [
    ['[]', /^the body must be an object \{\.\.\.\}, not a list/],
    ['null', /^the body is null/],
  ] as const) {
    for (const [method, path] of [
      ['POST', EMAILS],
      ['PUT', '/v1/tenants/acme'],
      ['PUT', '/v1/queues/acme/app'],
      ['POST', `${EMAILS}/batch`],
    ] as const) {
      const { status, body } = await service.call<ProblemBody>(method, path, undefined, {
        raw,
        headers: { 'content-type': 'application/json' },
      });
      expect({ status, detail: body.detail }).toEqual({ status: 422, detail: expect.stringMatching(text) as string });
    }
  }
});

test('no more than twenty mistakes are told, the others counted', async () => {
  const to = Array.from({ length: 60 }, (_, n) => `nobody ${n}`);
  const { body } = await service.call<ProblemBody>('POST', EMAILS, anEmail({ to }));
  expect(body.errors).toHaveLength(20);
  expect(body.detail).toContain('and 59 more');
});

test('no sender anywhere, no tenant, an application that cannot be: each says what is missing', async () => {
  await service.ok('PUT', '/v1/tenants/bare', {});
  const from = await service.call<ProblemBody>('POST', '/v1/queues/bare/app/emails', anEmail());
  expect(from.body.errors?.[0]).toMatchObject({
    path: '/from',
    message: expect.stringMatching(/at the queue/) as string,
  });
  const tenant = await service.call<ProblemBody>('PUT', '/v1/queues/nobody/app', {});
  expect([tenant.status, tenant.body.detail]).toEqual([
    404,
    'there is no tenant nobody: put it first, with PUT /v1/tenants/nobody',
  ]);
  const slug = await service.call<ProblemBody>('PUT', '/v1/queues/acme/My_App', {});
  expect([slug.status, slug.body.detail]).toEqual([404, expect.stringContaining('1 to 63 of a-z') as string]);
});

test('a method that an address does not have is 405 with those that it has; what the key does not reach stays 404', async () => {
  const { key } = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'admin', tenant: 'acme' });
  const allowed = async (method: string, path: string, options = {}) => {
    const { status, headers } = await service.call(method, path, undefined, options);
    return [status, headers.get('allow')];
  };
  expect(await allowed('PUT', EMAILS)).toEqual([405, 'POST, GET, HEAD']);
  expect(await allowed('DELETE', EMAILS, { key })).toEqual([405, 'POST, GET, HEAD']);
  expect(await allowed('POST', '/v1/audit')).toEqual([405, 'GET, HEAD']);
  expect(await allowed('POST', '/openapi.json')).toEqual([405, 'GET, HEAD']);
  expect(await allowed('PUT', '/v1/queues/bare/app/emails', { key })).toEqual([404, null]);
  expect(await allowed('PUT', '/v1/nothing')).toEqual([404, null]);
});

test('an idempotency key is refused where a repetition would act twice', async () => {
  const headers = { 'idempotency-key': 'k' };
  for (const path of ['/v1/keys', `${EMAILS}/bulk`, '/v1/queues/acme/app/content', `${EMAILS}/${values['id']}/hold`]) {
    const { status, body } = await service.call<ProblemBody>('POST', path, {}, { headers });
    expect([path, status, body.code]).toEqual([path, 422, 'idempotency-key-not-supported']);
  }
});

test('an If-Match is read quoted or not, and a malformed one is not taken for a change', async () => {
  await setUpQueue(service, 'acme/app', 1);
  const { id } = await service.ok<{ id: string }>('POST', EMAILS, anEmail({ sendAt: '2030-01-01T00:00:00Z' }));
  const etag = (await service.call('GET', `${EMAILS}/${id}`)).headers.get('etag') ?? '';
  const patch = async (match: string) => {
    const { status, body } = await service.call(
      'PATCH',
      `${EMAILS}/${id}`,
      { tags: [] },
      { headers: { 'if-match': match } },
    );
    return [status, body['code']];
  };
  expect(await patch('"1')).toEqual([400, 'malformed-if-match']);
  expect(await patch('"99"')).toEqual([412, 'version-mismatch']);
  expect(await patch(etag.replaceAll('"', ''))).toEqual([200, undefined]);
  expect(await patch(etag)).toEqual([412, 'version-mismatch']);
});
