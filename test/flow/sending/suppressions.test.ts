// Whom a tenant's emails must not go to: asked when an email is sent, whoever put the address on the list, in whatever letters.
import { connect } from 'node:net';
import type { Redis } from 'ioredis';
import { untilState } from '../../support/emails';
import { ask, nodesOf } from '../../support/redis/redis-cluster';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;
let redis: Redis;
let queue: string;
let emails: string;
let list: string;
let count = 0;

beforeAll(async () => {
  service = await startService();
  redis = await service.redis.connect();
});
afterAll(async () => {
  redis.disconnect();
  await service.close();
});
beforeEach(async () => {
  smtp = await startSmtpServer({
    script: { rcpt: ({ recipient = '' }) => (recipient.startsWith('busy') ? '451 4.2.1 later' : undefined) },
  });
  const tenant = `t${count++}`;
  ({ queue, emails } = await setUpQueue(service, `${tenant}/app`, smtp.port, { backoff: { delay: '6h' } }));
  list = `/v1/tenants/${tenant}/suppressions`;
});
afterEach(() => smtp.close());

const put = (address: string, body: object = {}) => service.ok('PUT', `${list}/${encodeURIComponent(address)}`, body);
const remove = (address: string) => service.ok('DELETE', `${list}/${encodeURIComponent(address)}`);
const post = async (changes: Record<string, unknown>): Promise<string> =>
  (await service.ok<EmailBody>('POST', emails, anEmail(changes))).id;
const until = (id: string, state: string) => untilState(service, queue, id, state);
const release = (id: string) => service.ok('POST', `${emails}/${id}/release`);
const upload = (type: string, raw: string) =>
  service.call('POST', `${list}/import`, undefined, { raw, headers: { 'content-type': type } });
const recipients = () => smtp.messages.map(({ to }) => to);

test('an email whose every recipient is suppressed fails, no server is asked, and it goes out once it may', async () => {
  await put('Ann@Bücher.example', { reason: 'asked by telephone' });
  const id = await post({ to: ['ANN@xn--bcher-kva.example'], bcc: ['ann@bücher.example'] });
  const failed = await until(id, 'failed');
  expect(failed.reason).toEqual({
    code: 'suppressed',
    text: 'every recipient is on the suppression list of the tenant',
  });
  expect(failed.attempts[0]?.replies).toContainEqual({
    recipient: 'ANN@xn--bcher-kva.example',
    code: 0,
    text: 'suppressed: asked by telephone',
  });
  expect(smtp.connections).toBe(0);
  await release(id);
  expect((await until(id, 'failed')).reason?.code).toBe('suppressed');
  await remove('ann@BÜCHER.example');
  await release(id);
  await until(id, 'sent');
});

test('the others get it, and who was left out is told; a correction, a later attempt and a release ask anew', async () => {
  await put('bob@example.org');
  const id = await post({ to: ['ann@example.org', 'Bob@example.org'] });
  const partly = await until(id, 'failed');
  expect(partly.reason).toMatchObject({ code: 'partly-sent' });
  expect(partly.attempts[0]?.replies).toContainEqual({
    recipient: 'Bob@example.org',
    code: 0,
    text: 'suppressed: put on the list by hand',
  });
  expect(recipients()).toEqual([['ann@example.org']]);
  await remove('bob@example.org');
  await release(id);
  await until(id, 'sent');
  expect(recipients()).toEqual([['ann@example.org'], ['Bob@example.org']]);

  await put('eve@example.org');
  const corrected = await post({ to: ['eve@example.org'] });
  await until(corrected, 'failed');
  await service.ok('PATCH', `${emails}/${corrected}`, { to: ['dan@example.org'] });
  await release(corrected);
  await until(corrected, 'sent');
});

test('who becomes suppressed between two attempts is left out of the second; who is taken off is in it', async () => {
  await put('was@example.org');
  const id = await post({ to: ['ann@example.org', 'busy@example.org', 'was@example.org'] });
  await until(id, 'deferred');
  await put('busy@example.org');
  await remove('was@example.org');
  await service.ok('POST', `${emails}/${id}/send-now`);
  const partly = await until(id, 'failed');
  expect(partly.reason).toMatchObject({ code: 'partly-sent' });
  expect(recipients()).toEqual([['ann@example.org'], ['was@example.org']]);

  const alone = await post({ to: ['ann@example.org', 'busy2@example.org'] });
  await until(alone, 'deferred');
  await put('busy2@example.org');
  await service.ok('POST', `${emails}/${alone}/send-now`);
  expect((await until(alone, 'failed')).reason?.code).toBe('partly-sent');
});

test('a queue may ignore the list, an administrator says so, and a sender may not change either', async () => {
  await put('ann@example.org');
  const [tenant] = queue.split('/');
  const { key } = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'sender', tenant });
  const refused = await service.call('DELETE', `${list}/ann@example.org`, undefined, { key });
  expect(refused).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  const wish = await service.call('POST', emails, { ...anEmail(), suppressions: 'ignore' }, { key });
  expect(wish).toMatchObject({ status: 422, body: { errors: [{ path: '/suppressions' }] } });
  const admin = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'admin', tenant });
  await service.ok('PATCH', `/v1/queues/${queue}`, { suppressions: 'ignore' }, { key: admin.key });
  await until(await post({ to: ['ann@example.org'] }), 'sent');
});

test('Redis is asked once for all recipients of an email, and not at all for a tenant without a list', async () => {
  const watched = async (many: string[]): Promise<string[]> => {
    const monitors = nodesOf(service.redis).map((node) => {
      const monitor = { node, socket: connect(node.port, '127.0.0.1'), seen: '' };
      monitor.socket.write(`AUTH ${node.password}\r\nMONITOR\r\n`);
      monitor.socket.on('data', (bytes: Buffer) => (monitor.seen += bytes.toString()));
      return monitor;
    });
    const untilAllSaw = (word: string) =>
      eventually(async () => {
        for (const { node, seen } of monitors)
          if (!seen.includes(word)) throw new Error(String(await ask(node, 'ECHO', word)));
      });
    await untilAllSaw('the beginning');
    await until(await post({ to: many }), 'sent');
    await untilAllSaw('the end');
    for (const { socket } of monitors) socket.destroy();
    const lines = monitors.flatMap(({ seen }) => seen.split('\n'));
    return lines.filter((line) => line.includes(':suppressions'));
  };
  const many = Array.from({ length: 20 }, (_, n) => `r${n}@example.org`);
  await until(await post({}), 'sent');
  expect(await watched(many)).toEqual([]);
  await put('somebody@example.org');
  await until(await post({}), 'sent');
  expect(await watched(many)).toHaveLength(1);
});

test('the list is read page by page, by prefix, and every change is in the audit', async () => {
  for (const name of ['b', 'a', 'c', 'ab']) await put(`${name}@example.org`, { reason: name });
  const first = await service.ok<{ suppressions: { address: string }[]; nextCursor: string }>('GET', `${list}?limit=3`);
  expect(first.suppressions.map(({ address }) => address)).toEqual([
    'a@example.org',
    'ab@example.org',
    'b@example.org',
  ]);
  const second = await service.ok('GET', `${list}?limit=3&cursor=${first.nextCursor}`);
  expect(second).toMatchObject({ suppressions: [{ address: 'c@example.org', source: 'manual' }], nextCursor: null });
  expect(await service.ok('GET', `${list}?prefix=A&limit=1`)).toMatchObject({ suppressions: [{ reason: 'a' }] });
  const bad = await service.call('GET', `${list}?cursor=nonsense`);
  expect(bad).toMatchObject({ status: 400, body: { code: 'bad-cursor' } });
  await put('a@example.org', { reason: 'anew' });
  await remove('b@example.org');
  expect(await service.ok('GET', `${list}/A@example.org`)).toMatchObject({ address: 'a@example.org', reason: 'anew' });
  expect((await service.call('GET', `${list}/b@example.org`)).status).toBe(404);
  expect((await service.call('PUT', `${list}/no-address`, {})).body).toMatchObject({ errors: [{ path: '/address' }] });
  const { entries } = await service.ok<{ entries: { what: string; fields?: object }[] }>(
    'GET',
    `/v1/audit?tenant=${queue.split('/')[0]}&about=suppression&limit=2`,
  );
  expect(entries).toMatchObject([
    { what: 'suppression deleted', target: 'b@example.org' },
    { what: 'suppression put', fields: { reason: { before: 'a', after: 'anew' } } },
  ]);
});

test('what was exported is imported elsewhere, and twice does no harm; what cannot be read is told', async () => {
  await put('+plus@example.org', { reason: 'with, comma; and "quotes"' });
  await put('ann@example.org');
  const { text } = await service.ok<{ text: string }>('GET', `${list}/export`);
  await Promise.all([remove('+plus@example.org'), remove('ann@example.org')]);
  expect((await upload('text/csv', text)).body).toEqual({ added: 2, present: 0, invalid: 0, errors: [] });
  expect((await upload('text/csv; charset=utf-8', text)).body).toMatchObject({ added: 0, present: 2 });
  expect(await service.ok('GET', `${list}/%2Bplus@example.org`)).toMatchObject({ reason: 'with, comma; and "quotes"' });
  expect((await upload('text/csv', 'x@example.org\r\nno address\r\ny@example.org;why\r\n')).body).toEqual({
    added: 2,
    present: 0,
    invalid: 1,
    errors: [{ line: 2, message: 'must be an e-mail address like ann@example.org' }],
  });
  const lines = '"ann@example.org"\n{"address": "z@example.org", "reason": "wish"}\nnonsense\n\n{"address": 5}\n';
  const ndjson = await upload('application/x-ndjson', lines);
  expect(ndjson.body).toMatchObject({ added: 1, present: 1, invalid: 2, errors: [{ line: 3 }, { line: 5 }] });
  expect((await upload('application/json', '["v@example.org", "ann@example.org", []]')).body).toMatchObject({
    added: 1,
    present: 1,
    invalid: 1,
  });
  expect((await upload('application/json', '{"address": "v@example.org"}')).status).toBe(422);
  expect((await upload('text/plain', 'v@example.org')).status).toBe(415);
  expect((await upload('text/csv', '"ann@example.org')).body).toMatchObject({ code: 'invalid' });
});

test('many thousand addresses are taken in one request, up to the bound of the tenant', async () => {
  const [tenant] = queue.split('/');
  await service.ok('PATCH', `/v1/tenants/${tenant}`, { maxSuppressions: 10_000 });
  const rows = Array.from({ length: 10_000 }, (_, n) => `person.number-${n}@example.org`).join('\n');
  expect((await upload('text/csv', rows)).body).toMatchObject({ added: 10_000, present: 0, invalid: 0 });
  const full = await upload('application/json', '["ann@example.org", "bob@example.org"]');
  expect(full).toMatchObject({ status: 507, body: { code: 'tenant-full' } });
  await service.ok('PATCH', `/v1/tenants/${tenant}`, { maxSuppressions: 10_001 });
  expect((await upload('application/json', '["ann@example.org", "bob@example.org"]')).status).toBe(507);
  expect((await service.call('GET', `${list}/ann@example.org`)).status).toBe(200);
  const { text } = await service.ok<{ text: string }>('GET', `${list}/export`);
  expect(text.split('\r\n')).toHaveLength(10_003);
});

test('a tenant that is deleted leaves no list, and another one of its name begins without one', async () => {
  const [tenant = ''] = queue.split('/');
  await put('ann@example.org');
  await service.ok('DELETE', `/v1/queues/${queue}`);
  await service.ok('DELETE', `/v1/tenants/${tenant}`);
  expect(await redis.exists(`rohrpost:{${tenant}}:suppressions`)).toBe(0);
  await setUpQueue(service, queue, smtp.port);
  await eventually(async () => expect(await service.ok('GET', list)).toMatchObject({ suppressions: [] }));
  await until(await post({ to: ['ann@example.org'] }), 'sent');
});
