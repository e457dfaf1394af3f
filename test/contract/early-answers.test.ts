// Whoever is answered before his request is whole can go on on the same connection at once.
import { connect, type Socket } from 'node:net';
import { OPERATOR_KEY, startService, type Service } from '../support/service';

const BODY = Buffer.alloc(3 * 1024 * 1024, 0x78);
const MOST = 2 * 1024 * 1024;

let service: Service;
beforeAll(async () => {
  service = await startService({ workers: 0, api: { maxBody: MOST } });
  await service.ok('PUT', '/v1/tenants/acme', { maxContentBytes: 1024 });
  await service.ok('PUT', '/v1/queues/acme/app', {});
});
afterAll(() => service.close());

interface Early {
  path: string;
  method?: string;
  key?: string;
  headers?: string[];
  body?: Buffer;
}

/** Sends both requests at once on one connection. @returns the statuses of the answers */
const bothOn = async (socket: Socket, early: Early): Promise<number[]> => {
  const { path, method = 'POST', key = OPERATOR_KEY, headers = [], body = BODY } = early;
  const chunked = headers.some((line) => /^transfer-encoding/i.test(line));
  const length = chunked ? [] : [`Content-Length: ${body.length}`];
  const head = [`${method} ${path} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${key}`, ...headers, ...length];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  if (chunked) socket.write(`${body.length.toString(16)}\r\n`);
  socket.write(body);
  if (chunked) socket.write('\r\n0\r\n\r\n');
  socket.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n');
  let text = '';
  for await (const chunk of socket) {
    text += String(chunk);
    const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => Number(status));
    if (statuses.length === 2) return statuses;
  }
  throw new Error(`the connection ended after ${text}`);
};

const CONTENT = '/v1/queues/acme/app/content';
const EMAILS = '/v1/queues/acme/app/emails';
const JSON_TYPE = 'Content-Type: application/json';
const TOO_MUCH = Buffer.from(JSON.stringify({ to: 'x'.repeat(MOST) }));

test.each<[string, number, Early]>([
  ['an upload with a wrong key', 401, { path: CONTENT, key: 'wrong' }],
  ['JSON with a wrong key', 401, { path: EMAILS, key: 'wrong', headers: [JSON_TYPE] }],
  ['an upload to a queue of nobody', 404, { path: '/v1/queues/nobody/app/content' }],
  ['a look with a body, which means nothing', 200, { path: '/v1/queues', method: 'GET', body: TOO_MUCH }],
  ['an address that is not there', 404, { path: '/nowhere' }],
  ['an upload that says that it is too large', 413, { path: CONTENT }],
  ['an upload that turns out to be too large', 413, { path: CONTENT, headers: ['Transfer-Encoding: chunked'] }],
  ['JSON that is too large', 413, { path: EMAILS, headers: [JSON_TYPE], body: TOO_MUCH }],
  [
    'JSON in pieces that is too large',
    413,
    { path: EMAILS, headers: [JSON_TYPE, 'Transfer-Encoding: chunked'], body: TOO_MUCH },
  ],
  ['another type than JSON', 415, { path: EMAILS, headers: ['Content-Type: text/plain'] }],
  ['an unknown encoding', 415, { path: EMAILS, headers: [JSON_TYPE, 'Content-Encoding: zstd-9'] }],
  ['another charset', 415, { path: EMAILS, headers: ['Content-Type: application/json; charset=koi8-r'] }],
  ['an upload beyond what the tenant may store', 507, { path: CONTENT, body: BODY.subarray(0, MOST) }],
])('%s: %d, and the next request is answered', async (_what, status, early) => {
  const socket = connect(service.api.port, '127.0.0.1');
  socket.setTimeout(10_000, () => socket.destroy(new Error('nobody answers on this connection any more')));
  try {
    expect(await bothOn(socket, early)).toEqual([status, 200]);
  } finally {
    socket.destroy();
  }
});
