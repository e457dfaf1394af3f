// A try of a transport: answered at once where the server is quick, looked up where it takes its time.
import { startService, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { deferred, eventually } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;

beforeAll(async () => {
  service = await startService({ verifyWaitMs: 500 });
});
afterAll(() => service.close());
afterEach(() => smtp.close());

const put = async (tenant: string): Promise<string> => {
  await service.ok('PUT', `/v1/tenants/${tenant}`, {});
  const transport = `/v1/tenants/${tenant}/transports/default`;
  await service.ok('PUT', transport, {
    host: '127.0.0.1',
    port: smtp.port,
    security: 'none',
    limits: { connections: 1 },
  });
  return transport;
};
const keyOf = async (tenant: string): Promise<string> =>
  (await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'admin', tenant })).key;

test('a server that is quick is told of at once, and its connection is given up', async () => {
  smtp = await startSmtpServer();
  const transport = await put('quick');
  const { status, body } = await service.call('POST', `${transport}/verify`);
  expect(status).toBe(200);
  expect(body).toMatchObject({ ok: true, reply: expect.stringContaining('250') as string });
  await eventually(() => expect(smtp.open).toBe(0));
});

test('one that takes its time is told of by an operation, which is of its tenant alone', async () => {
  const greet = deferred();
  smtp = await startSmtpServer({ script: { connect: () => greet.promise } });
  const transport = await put('slow');
  const { status, body, headers } = await service.call<{ id: string; state: string }>('POST', `${transport}/verify`);
  expect(status).toBe(202);
  const operation = headers.get('location') ?? '';
  expect(operation).toBe(`/v1/operations/${body.id}`);
  expect(body.state).toBe('running');
  expect(await service.ok('GET', operation)).toMatchObject({
    action: 'verify',
    state: 'running',
    transport: 'default',
  });
  greet.resolve();
  const done = await eventually(async () => {
    const found = await service.ok('GET', operation);
    expect(found).toMatchObject({
      state: 'done',
      result: { ok: true, reply: expect.stringContaining('250') as string },
    });
    return found;
  });
  expect(done).toMatchObject({ id: body.id, tenant: 'slow', finishedAt: expect.any(String) as string });
  expect((await service.call('GET', operation, undefined, { key: await keyOf('slow') })).status).toBe(200);
  await service.ok('PUT', '/v1/tenants/other', {});
  expect((await service.call('GET', operation, undefined, { key: await keyOf('other') })).status).toBe(404);
});

test('a server that refuses is told of in its words and ours', async () => {
  smtp = await startSmtpServer();
  const transport = await put('refusing');
  await service.ok('PUT', transport, { host: '127.0.0.1', port: smtp.port, security: 'starttls' });
  expect(await service.ok('POST', `${transport}/verify`)).toMatchObject({
    ok: false,
    reply: expect.stringMatching(
      /^502 5\.5\.1 not offered \(the server does not offer STARTTLS: set security to/,
    ) as string,
  });
  await service.ok('PUT', transport, { host: '127.0.0.1', port: smtp.port, security: 'tls' });
  expect(await service.ok('POST', `${transport}/verify`)).toMatchObject({
    ok: false,
    reply: expect.stringMatching(
      /^the server does not speak TLS on port \d+: set security to starttls or none/,
    ) as string,
  });
});

test('what was said is told line by line, with the step that failed and without the credentials', async () => {
  smtp = await startSmtpServer({ auth: { user: 'billing', pass: 'right' } });
  const transport = await put('spoken');
  const login = { host: '127.0.0.1', port: smtp.port, security: 'none' };
  await service.ok('PUT', transport, { ...login, auth: { user: 'billing', pass: 'wrong' } });
  const tried = await service.ok<{ dialogue: string[] }>('POST', `${transport}/verify`);
  expect(tried).toMatchObject({ ok: false, phase: 'auth', reply: '535 5.7.8 wrong user or password' });
  expect(tried.dialogue).toEqual(
    expect.arrayContaining(['S: 220 test.example ESMTP', 'C: EHLO mail.test', 'S: 535 5.7.8 wrong user or password']),
  );
  expect(JSON.stringify(tried)).not.toContain(Buffer.from('\0billing\0wrong').toString('base64'));
  await service.ok('PATCH', transport, { auth: { pass: 'right' } });
  const well = await service.ok<{ dialogue: string[] }>('POST', `${transport}/verify`);
  expect(well).toMatchObject({ ok: true, reply: '235 2.7.0 welcome' });
  expect(well.dialogue.at(-1)).toBe('S: 235 2.7.0 welcome');
  expect(well).not.toHaveProperty('phase');
});

test('without a worker that is said', async () => {
  smtp = await startSmtpServer();
  const transport = await put('nobody');
  for (const worker of service.workers.splice(0)) await worker.lifecycle.stop('end of its day');
  const { status, body } = await service.call('POST', `${transport}/verify`);
  expect({ status, type: String(body['type']) }).toEqual({
    status: 503,
    type: expect.stringContaining('no-worker') as string,
  });
});
