// Outgoing HTTP: what is followed, what is carried along, and how much is read at most.
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { createFetcher, type FetchRequest, type Fetcher } from '../../libs/fetch/fetcher';
import { startHttpSource, type HttpSource } from '../support/http/http-source';
import { serverCertificate, serverKey } from '../support/smtp/tls';

let source: HttpSource;
let other: HttpSource;
let fetcher: Fetcher;

beforeEach(async () => {
  [source, other] = [await startHttpSource(), await startHttpSource()];
  fetcher = createFetcher({ allowPrivate: ['127.0.0.1'] });
});
afterEach(async () => {
  await fetcher.close();
  await source.close();
  await other.close();
});

const read = async (path: string, changes: Partial<FetchRequest> = {}): Promise<Buffer> => {
  const limits = { bytes: 1_000_000, ms: 5_000 };
  const { body } = await fetcher.fetch({ url: `${source.url}${path}`, limits, ...changes });
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
};
const redirectTo = (location: string) =>
  source.answer((request, response) =>
    request.url === '/start' ? response.writeHead(302, { location }).end() : response.end(`at ${request.url}`),
  );

test.each<[string, (bytes: Buffer) => Buffer]>([
  ['gzip', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
])('bodies in %s are inflated, and counted as they are then', async (encoding, pack) => {
  const bomb = pack(Buffer.alloc(50_000_000));
  source.answer((request, response) =>
    response
      .writeHead(200, { 'content-encoding': encoding })
      .end(request.url === '/bomb' ? bomb : pack(Buffer.from('hello'))),
  );
  expect((await read('/small')).toString()).toBe('hello');
  expect(bomb.length).toBeLessThan(1_000_000);
  await expect(read('/bomb')).rejects.toMatchObject({
    kind: 'invalid',
    message: expect.stringMatching(/larger/) as string,
  });
});

test('what is packed in a way that nobody knows, or broken, is not believed', async () => {
  source.answer((request, response) =>
    response.writeHead(200, { 'content-encoding': request.url === '/zz' ? 'zz' : 'gzip' }).end('no gzip'),
  );
  await expect(read('/zz')).rejects.toMatchObject({ kind: 'invalid' });
  await expect(read('/gzip')).rejects.toMatchObject({ kind: 'for-now' });
});

test('three redirects are followed, not four', async () => {
  source.answer((request, response) => {
    const left = Number(request.url?.slice(1));
    if (left > 0) response.writeHead(307, { location: `/${left - 1}` }).end();
    else response.end('there');
  });
  expect((await read('/3')).toString()).toBe('there');
  await expect(read('/4')).rejects.toMatchObject({
    kind: 'refused',
    message: expect.stringMatching(/4th time/) as string,
  });
});

test('headers go along within an origin and to no other one', async () => {
  const headers = { authorization: 'Bearer secret', 'webhook-id': '1' };
  redirectTo('/next');
  await read('/start', { headers });
  expect(source.asked.map((asked) => asked.headers.authorization)).toEqual(['Bearer secret', 'Bearer secret']);
  redirectTo(`${other.url}/next`);
  await read('/start', { headers });
  expect(other.asked[0]?.headers).not.toHaveProperty('authorization');
  expect(other.asked[0]?.headers).not.toHaveProperty('webhook-id');
});

test.each<[string, string]>([
  ['another path', '/docs-of-others/1'],
  ['a way up', '/docs/../x'],
  ['an encoded way up', '/docs/%252e%252e/x'],
  ['another scheme', 'file:///etc/passwd'],
  ['a user', 'http://u:p@127.0.0.1/docs/'],
  ['no address', 'http://'],
])('a redirect to %s is refused', async (_name, location) => {
  source.answer((request, response) =>
    request.url === '/docs/start' ? response.writeHead(302, { location }).end() : response.end('secret'),
  );
  const order = read('/docs/start', { prefixes: [`${source.url}/docs/`] });
  await expect(order).rejects.toMatchObject({ kind: 'refused' });
  expect(source.asked).toHaveLength(1);
});

test('a certificate that nobody trusts is not believed', async () => {
  const secure = createServer({ key: serverKey, cert: serverCertificate }, (_request, response) =>
    response.end('secret'),
  );
  await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
  const url = `https://127.0.0.1:${(secure.address() as AddressInfo).port}/`;
  await expect(read('', { url })).rejects.toMatchObject({
    kind: 'for-now',
    message: expect.stringMatching(/certif/) as string,
  });
  await new Promise((resolve) => secure.close(resolve));
});

test.each<[number, Record<string, string>, object]>([
  [404, {}, { kind: 'gone' }],
  [410, {}, { kind: 'gone' }],
  [401, {}, { kind: 'for-now' }],
  [403, {}, { kind: 'for-now' }],
  [429, { 'retry-after': '7' }, { kind: 'for-now', retryAfter: 7_000 }],
  [500, {}, { kind: 'for-now', retryAfter: undefined }],
  [503, { 'retry-after': 'Fri, 31 Dec 1999 23:59:59 GMT' }, { kind: 'for-now', retryAfter: undefined }],
  [304, {}, { kind: 'for-now' }],
  [302, {}, { kind: 'for-now' }],
])('%d %j means %j', async (status, headers, expected) => {
  source.answer((_request, response) => response.writeHead(status, headers).end());
  await expect(read('/x?token=secret')).rejects.toMatchObject(expected);
  await expect(read('/x?token=secret')).rejects.not.toMatchObject({
    message: expect.stringContaining('secret') as string,
  });
});

test('what is posted is posted once, to whom it was meant for', async () => {
  redirectTo('/next');
  const order = read('/start', { method: 'POST', body: Buffer.from('{}') });
  await expect(order).rejects.toMatchObject({
    kind: 'for-now',
    message: expect.stringMatching(/answered 302/) as string,
  });
  expect(source.asked.map(({ path }) => path)).toEqual(['/start']);
});

test('time is bounded over all, also while the body drips; who asked may end it sooner', async () => {
  const timers: NodeJS.Timeout[] = [];
  source.answer((_request, response) => {
    response.writeHead(200).write('x');
    timers.push(setInterval(() => response.write('x'), 10));
  });
  const slow = read('/slow', { limits: { bytes: 1_000_000, ms: 300 } });
  await expect(slow).rejects.toMatchObject({
    kind: 'for-now',
    message: expect.stringMatching(/within 300 ms/) as string,
  });
  const stop = new AbortController();
  source.answer(() => stop.abort('enough'));
  await expect(read('/never', { signal: stop.signal })).rejects.toBe('enough');
  timers.forEach((timer) => clearInterval(timer));
});

test('nobody there is for now', async () => {
  const { url } = other;
  await other.close();
  await expect(read('', { url })).rejects.toMatchObject({
    kind: 'for-now',
    message: expect.stringMatching(/REFUSED/) as string,
  });
  other = await startHttpSource();
});
