// The demo tenant: there after the first start, its user's afterwards.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureDemo, type Demo } from './demo';
import { readReadyTemplates } from '../ready-templates';

const OPERATOR = 'Bearer operator';
const TRANSPORT = '/v1/tenants/demo/transports/default';
const TEMPLATE = '/v1/tenants/demo/templates/welcome';

const ROOT = join(__dirname, '../..');
let server: Server;
let dataDir: string;
/** What the stand-in of the API holds: path -> body, and the keys it has issued. */
let things: Map<string, Record<string, unknown>>;
let keys: string[];
let puts: string[];
let posts: [path: string, body: Record<string, unknown>][];

const answer = (method: string, path: string, key: string, body: Record<string, unknown>): [number, unknown] => {
  if (path.startsWith('/v1/queues/demo/app/emails') && method === 'GET')
    return [keys.includes(key) ? 200 : 401, { emails: [] }];
  if (key !== OPERATOR) return [method === 'GET' && keys.includes(key) ? 200 : 401, {}];
  if (path === '/v1/keys') {
    keys.push(`Bearer key-${keys.length}`);
    return [201, { id: 'k', key: `key-${keys.length - 1}`, ...body }];
  }
  if (path === '/v1/tenants')
    return [200, { tenants: [...things.keys()].filter((k) => /^\/v1\/tenants\/[^/]+$/.test(k)) }];
  if (path === '/v1/tenants/demo/transports') {
    const found = [...things].filter(([name]) => name.startsWith(`${path}/`));
    return [200, { transports: found.map(([name, thing]) => ({ transport: name.split('/').pop(), ...thing })) }];
  }
  if (method === 'POST') {
    posts.push([path, body]);
    return [202, { id: `m_${posts.length}`, state: 'done' }];
  }
  if (method === 'PUT') {
    puts.push(path);
    things.set(path, body);
    return [201, body];
  }
  const found = things.get(path);
  if (method === 'PATCH' && found !== undefined) things.set(path, { ...found, ...body });
  return found === undefined ? [404, {}] : [200, { ...found, updatedAt: 'only to read' }];
};

const read = async (request: IncomingMessage): Promise<Record<string, unknown>> => {
  const chunks = (await request.toArray()) as Buffer[];
  return chunks.length === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>);
};

beforeEach(async () => {
  things = new Map();
  keys = [];
  puts = [];
  posts = [];
  dataDir = mkdtempSync(join(tmpdir(), 'rohrpost-demo-'));
  server = createServer((request, response) => {
    void read(request).then((body) => {
      const { method = '', url = '', headers } = request;
      const [status, value] = answer(method, url, headers.authorization ?? '', body);
      response.writeHead(status, { connection: 'close' }).end(JSON.stringify(value));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(dataDir, { recursive: true });
});

const ensure = (inboxSmtpPort = 1025, isOwnRedis = true): Promise<Demo | undefined> => {
  const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return ensureDemo({ root: ROOT, dataDir, api, operatorKey: 'operator', inboxSmtpPort, isOwnRedis });
};

test('the first start sets it up, the key in a private file', async () => {
  expect(await ensure()).toEqual({ key: 'key-0', admin: 'key-1' });
  expect(things.get(TRANSPORT)).toEqual({ host: '127.0.0.1', port: 1025, security: 'none' });
  const ready = readReadyTemplates(ROOT).map(({ name }) => `/v1/tenants/demo/templates/${name}`);
  expect(puts.slice(0, 4 + ready.length)).toEqual([
    '/v1/tenants/demo',
    TRANSPORT,
    TEMPLATE,
    ...ready,
    '/v1/queues/demo/app',
  ]);
  // By its tag everything of the demo is found again.
  const emails = posts.filter(([path]) => path.endsWith('/emails')).map(([, { tags }]) => tags);
  expect(emails.length).toBeGreaterThan(10);
  expect(new Set(emails.flat())).toEqual(new Set(['demo']));
  expect(statSync(join(dataDir, 'demo.json')).mode & 0o777).toBe(0o600);
});

test('a later start changes nothing, and gives the same key', async () => {
  await ensure();
  things.set(TEMPLATE, { subject: 'mine' });
  things.delete('/v1/queues/demo/app');
  [puts, posts] = [[], []];
  expect(await ensure()).toEqual({ key: 'key-0', admin: 'key-1' });
  expect([puts, posts]).toEqual([[], []]);
});

test('the transport follows the inbox, with what its user has added', async () => {
  await ensure();
  things.set(TRANSPORT, { host: '127.0.0.1', port: 1025, security: 'none', limits: { perSecond: 1 } });
  await ensure(2025);
  expect(things.get(TRANSPORT)).toEqual({ host: '127.0.0.1', port: 2025, security: 'none', limits: { perSecond: 1 } });
});

test('a transport that points elsewhere stays', async () => {
  await ensure();
  things.set(TRANSPORT, { host: 'smtp.acme.example', port: 1025, security: 'starttls' });
  await ensure(2025);
  expect(things.get(TRANSPORT)).toMatchObject({ host: 'smtp.acme.example', port: 1025 });
});

test('a removed demo stays away; a Redis with nothing in it gets a new one', async () => {
  await ensure();
  things.clear();
  things.set('/v1/tenants/acme', {});
  expect(await ensure()).toBeUndefined();
  things.clear();
  keys = [];
  expect(await ensure()).toEqual({ key: 'key-0', admin: 'key-1' });
  expect(things.has(TEMPLATE)).toBe(true);
});

test('nothing is put into a Redis that somebody gives; a demo that is there already stays as it is', async () => {
  expect(await ensure(1025, false)).toBeUndefined();
  expect([puts, posts, things.size]).toEqual([[], [], 0]);
  await ensure();
  [puts, posts] = [[], []];
  expect(await ensure(1025, false)).toEqual({ key: 'key-0', admin: 'key-1' });
  expect([puts, posts]).toEqual([[], []]);
});
