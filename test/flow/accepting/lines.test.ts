// Emails as a stream of lines (NDJSON): any number, each answered when Redis has it, whatever the connection and the client do.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { serviceEnv, startProcess, type ServiceProcess } from '../../support/processes/process';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

const MIB = 1024 * 1024;
const MANY = 5_000;

interface Result {
  index: number;
  id?: string;
  state?: string;
  replayed?: true;
  problem?: { code: string; status: number; detail: string; errors?: { path: string }[] };
}

let service: Service;
let smtp: SmtpServer;
/** As it is shipped: its memory is measured. */
let api: ServiceProcess;

beforeAll(async () => {
  service = await startService({ workers: 0 });
  smtp = await startSmtpServer();
  await setUpQueue(service, 'acme/app', smtp.port);
  api = await startProcess('api', serviceEnv(service.redis.url, service.dataDir));
});
afterAll(async () => {
  await api.end('SIGTERM');
  await service.close();
  await smtp.close();
});

const PATH = '/v1/queues/acme/app/emails';

/** Begins a stream. */
const begin = (headers: Record<string, string> = {}, path = PATH): ClientRequest =>
  httpRequest({
    port: api.port,
    host: '127.0.0.1',
    path,
    method: 'POST',
    headers: { authorization: `Bearer ${OPERATOR_KEY}`, 'content-type': 'application/x-ndjson', ...headers },
  });

const answerOf = async (sent: ClientRequest): Promise<IncomingMessage> =>
  ((await once(sent, 'response')) as [IncomingMessage])[0];

const resultsIn = (text: string): Result[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Result);

/** Sends it all, and reads the results meanwhile. */
const send = async (
  body: Iterable<string | Buffer>,
  path = PATH,
): Promise<{ status: number; type: string; results: Result[] }> => {
  const sent = begin({}, path);
  Readable.from(body).pipe(sent);
  const answer = await answerOf(sent);
  const text = Buffer.concat((await answer.toArray()) as Buffer[]).toString();
  return { status: answer.statusCode ?? 0, type: answer.headers['content-type'] ?? '', results: resultsIn(text) };
};

const lineOf = (fields: object): string => `${JSON.stringify(fields)}\n`;
const waiting = async (): Promise<number> =>
  (await service.ok<{ counts: Record<string, number> }>('GET', '/v1/queues/acme/app')).counts['queued'] ?? 0;

test.each([PATH, `${PATH}/batch`])('each line of %s is accepted or refused by itself, in their order', async (path) => {
  const { status, type, results } = await send(
    [
      lineOf(anEmail()),
      '\r\n',
      lineOf({ ...anEmail(), to: [] }),
      '{"to": [\n',
      Buffer.concat([Buffer.from('{"subject":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}\n')]),
      lineOf({ ...anEmail(), idempotencyKey: '' }),
      '[1,2]\n',
      `{"text":"${'x'.repeat(26 * MIB)}"}\n`,
      JSON.stringify(anEmail()),
    ],
    path,
  );
  expect({ status, type }).toEqual({ status: 200, type: 'application/x-ndjson' });
  expect(results.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(results.map(({ state, problem }) => state ?? problem?.code)).toEqual([
    'queued',
    'invalid',
    'malformed-json',
    'not-utf-8',
    'invalid',
    'invalid',
    'too-large',
    'queued',
  ]);
  // Pointers lead into the line.
  expect(results[1]?.problem?.errors?.map((error) => error.path)).toEqual(['/to']);
  expect(results[4]?.problem?.errors?.map((error) => error.path)).toEqual(['/idempotencyKey']);
});

test('a line is answered while the next ones are still to come, and 200 before the first', async () => {
  const sent = begin();
  sent.flushHeaders();
  const answer = await answerOf(sent);
  expect(answer.statusCode).toBe(200);
  answer.setEncoding('utf8');
  for (let n = 0; n < 3; n++) {
    sent.write(lineOf(anEmail()));
    const [text] = (await once(answer, 'data')) as [string];
    expect(resultsIn(text)).toMatchObject([{ index: n, state: 'queued' }]);
  }
  sent.end();
  await once(answer.resume(), 'end');
});

test('where no line is accepted it is 200 all the same; what is wrong with the whole is told before', async () => {
  expect((await send([lineOf({})])).status).toBe(200);
  const refused = async (headers: Record<string, string>, path = PATH): Promise<number | undefined> => {
    const sent = begin(headers, path);
    sent.end(lineOf(anEmail()));
    const answer = await answerOf(sent);
    answer.resume();
    return answer.statusCode;
  };
  expect(await refused({ 'Idempotency-Key': 'k' })).toBe(422);
  expect(await refused({ 'Content-Encoding': 'gzip' })).toBe(415);
  expect(await refused({ authorization: 'Bearer nobody' })).toBe(401);
  expect(await refused({}, '/v1/queues/nobody/app/emails')).toBe(404);
});

test('a connection that breaks in the middle may be repeated: nothing is there twice, and half a line is no email', async () => {
  const before = await waiting();
  const run = randomUUID();
  const lines = Array.from({ length: 1_000 }, (_, n) => lineOf({ ...anEmail(), idempotencyKey: `${run}-${n}` }));
  const socket = connect(api.port ?? 0, '127.0.0.1');
  const head = `POST ${PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${OPERATOR_KEY}\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const part = lines.slice(0, 600).join('') + '{"to":["ann@example.org"],"subject":"half"';
  socket.write(`${head}${Buffer.byteLength(part).toString(16)}\r\n${part}`);
  await once(socket, 'data');
  socket.destroy();
  const { results } = await send(lines);
  expect(results).toHaveLength(1_000);
  expect(results.filter(({ problem }) => problem)).toEqual([]);
  expect(results.some(({ replayed }) => replayed === true)).toBe(true);
  await eventually(async () => expect(await waiting()).toBe(before + 1_000));
});

test('who goes away in the middle of large lines takes no room from the others for ever', async () => {
  // Each holds room for a body of the largest size; a tenant has that of two.
  for (let n = 0; n < 4; n++) {
    const sent = begin();
    sent.on('error', () => undefined);
    const answered = answerOf(sent);
    sent.write(lineOf(anEmail()) + `{"text":"${'x'.repeat(MIB)}`);
    await answered;
    sent.destroy();
  }
  await eventually(async () => {
    const { status, results } = await send([lineOf({ ...anEmail(), text: 'x'.repeat(MIB) })]);
    expect([status, results[0]?.state]).toEqual([200, 'queued']);
  });
  const whole = await fetch(`http://127.0.0.1:${api.port}${PATH}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${OPERATOR_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...anEmail(), text: 'x'.repeat(20 * MIB) }),
  });
  expect(whole.status).toBe(202);
});

test('who reads nothing before he has sent all is heard; memory stays bounded', async () => {
  const before = await waiting();
  const grown = async (): Promise<number> =>
    Number(/VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${api.child.pid}/status`, 'utf8'))?.[1]) / 1_024;
  const sent = begin();
  const answered = answerOf(sent);
  const text = 'x'.repeat(1_000);
  for (let n = 0; n < MANY; n++) {
    if (!sent.write(lineOf({ ...anEmail(), text }))) await once(sent, 'drain');
  }
  sent.end();
  const answer = await answered;
  const results = resultsIn(Buffer.concat((await answer.toArray()) as Buffer[]).toString());
  expect(results.map(({ index }) => index)).toEqual(Array.from({ length: MANY }, (_, n) => n));
  expect(results.filter(({ problem }) => problem)).toEqual([]);
  await eventually(async () => expect(await waiting()).toBe(before + MANY));
  expect(await grown()).toBeLessThan(400);
});
