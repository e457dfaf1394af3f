// Accidents that happened once, each by its name, so that it does not happen again.
import { untilState } from '../support/emails';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../support/service';
import { serviceEnv, startProcess } from '../support/processes/process';
import { startSmtpServer, type SmtpServer } from '../support/smtp/smtp-server';
import { deferred, eventually } from '../support/wait';

let service: Service;
let smtp: SmtpServer;

beforeEach(async () => {
  smtp = await startSmtpServer();
});
afterEach(async () => {
  await service.close();
  await smtp.close();
});

const command = async (...words: [string, ...string[]]): Promise<unknown> => {
  const redis = await service.redis.connect();
  try {
    return await redis.call(...words);
  } finally {
    redis.disconnect();
  }
};
const stateIs = (queue: string, id: string, state: string) => untilState(service, queue, id, state, 60_000);

test('a server that refuses and closes held the place of its email for ever', async () => {
  service = await startService();
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, { concurrency: 1 });
  // A server that closes while other pipelined commands wait for their replies has answered this one.
  for (const phase of ['dot', 'rcpt', 'mail'] as const) {
    smtp.setScript({ [phase]: () => ({ reply: '554 5.7.1 spam', action: 'close' }) });
    const refused = await service.ok<EmailBody>('POST', emails, anEmail());
    await stateIs(queue, refused.id, 'failed');
    expect((await service.email(queue, refused.id)).reason?.text).toContain('554 5.7.1 spam');
    smtp.setScript({});
    const next = await service.ok<EmailBody>('POST', emails, anEmail());
    await stateIs(queue, next.id, 'sent');
  }
});

test('an attempt whose lock was lost while the server was silent held its place for ever', async () => {
  service = await startService();
  const { emails } = await setUpQueue(service, 'acme/app', smtp.port);
  const reached = deferred<void>();
  smtp.setScript({
    dot: () => {
      reached.resolve();
      return { action: 'stall' };
    },
  });
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail());
  await reached.promise;
  await command('SET', `rohrpost:{acme.app}:acme.app:${id}:lock`, 'another');
  await eventually(() => expect(service.workers[0]?.fleet.inWork).toBe(0), { timeout: 20_000 });
});

test('an email held and released before its first attempt lost the mark of a crash', async () => {
  service = await startService({ workers: 0 });
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, { onUncertain: 'hold' });
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail());
  await service.ok('POST', `${emails}/${id}/hold`);
  await service.ok('POST', `${emails}/${id}/release`);
  const reached = deferred<void>();
  smtp.setScript({
    dot: () => {
      reached.resolve();
      return { action: 'stall', taken: true };
    },
  });
  const worker = await startProcess('worker', serviceEnv(service.redis.url, service.dataDir));
  await reached.promise;
  await worker.end('SIGKILL');
  smtp.setScript({});
  await service.addWorker();
  await stateIs(queue, id, 'uncertain');
  expect(smtp.messages).toHaveLength(1);
}, 90_000);

test('an email with an open hand-over was held, expired, corrected and canceled as if nothing had left', async () => {
  service = await startService();
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port);
  await service.ok('POST', `/v1/queues/${queue}/pause`);
  const withMark = async (field: string, value: string, more: object = {}): Promise<string> => {
    const { id } = await service.ok<EmailBody>('POST', emails, anEmail({ ...more }));
    await command('HSET', `rohrpost:{acme.app}:acme.app:${id}`, field, value);
    return id;
  };
  const intent = `0|${Date.now()}`;
  const held = await withMark('rp:intent', intent);
  expect((await service.call('PATCH', `${emails}/${held}`, { subject: 'x' })).status).toBe(409);
  expect((await service.call('DELETE', `${emails}/${held}`)).status).toBe(409);
  expect((await service.ok<EmailBody>('POST', `${emails}/${held}/hold`)).state).toBe('uncertain');
  const expired = await withMark('rp:intent', intent, { expiresAfter: '1s' });
  await stateIs(queue, expired, 'uncertain');
  const sent = await withMark('rp:sent', '{"at":0,"replies":[]}');
  for (const action of ['hold', 'cancel']) {
    expect(await service.call('POST', `${emails}/${sent}/${action}`)).toMatchObject({
      status: 409,
      body: { code: 'email-finished' },
    });
  }
  expect(await service.call('PATCH', `${emails}/${sent}`, { subject: 'x' })).toMatchObject({
    status: 409,
    body: { code: 'email-finished' },
  });
});

test('a disabled tenant went on sending from queues that were open', async () => {
  service = await startService();
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, { concurrency: 1 });
  smtp.setScript({ dot: () => ({ delay: 30 }) });
  await service.ok('POST', `${emails}/batch`, { emails: Array.from({ length: 60 }, () => anEmail()) });
  await smtp.waitForMessages(5);
  await service.ok('PUT', '/v1/tenants/acme', { enabled: false });
  await eventually(() => expect(service.workers[0]?.fleet.open).toBe(0));
  expect(smtp.messages.length).toBeLessThan(60);
  await service.ok('PUT', '/v1/tenants/acme', {});
  await smtp.waitForMessages(60);
  await eventually(async () =>
    expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ counts: { sent: 60 } }),
  );
});

test('past the bound of open queues, others waited until the first one was empty', async () => {
  service = await startService({ worker: { maxOpenQueues: 1 } });
  const first = await setUpQueue(service, 'acme/app', smtp.port, { concurrency: 1 });
  const second = await setUpQueue(service, 'other/app', smtp.port);
  smtp.setScript({ dot: () => ({ delay: 20 }) });
  await service.ok('POST', `${first.emails}/batch`, { emails: Array.from({ length: 300 }, () => anEmail()) });
  await smtp.waitForMessages(3);
  await service.ok('POST', second.emails, anEmail({ to: ['other@example.org'] }));
  const sentBefore = smtp.messages.length;
  await smtp.waitForMessages(301, 60_000);
  const position = smtp.messages.findIndex(({ to }) => to[0] === 'other@example.org');
  // A turn is 50 emails; the rest is the time in which the worker hears of the other queue.
  expect(position - sentBefore).toBeLessThan(150);
});

test('past the bound of open queues, one whose call nobody had heard was never seen', async () => {
  service = await startService({ worker: { maxOpenQueues: 1 } });
  const first = await setUpQueue(service, 'acme/app', smtp.port, { concurrency: 1 });
  const second = await setUpQueue(service, 'other/app', smtp.port);
  smtp.setScript({ dot: () => ({ delay: 10 }) });
  await service.ok('POST', `${first.emails}/batch`, { emails: Array.from({ length: 600 }, () => anEmail()) });
  await smtp.waitForMessages(3);
  // Announced already, so that the announcement of its email calls nobody: like a call while the connection was away.
  const redis = await service.redis.connect();
  await redis.call('ZADD', 'rohrpost:{fleet}:due', '0', 'other.app');
  redis.disconnect();
  await service.ok('POST', second.emails, anEmail({ to: ['other@example.org'] }));
  const other = () => smtp.messages.findIndex(({ to }) => to[0] === 'other@example.org');
  await eventually(() => expect(other()).toBeGreaterThanOrEqual(0), { timeout: 40_000 });
  // Not the last one, after all that the first queue had: it came in between.
  expect(other()).toBeLessThan(600);
  const { counts } = await service.ok<{ counts: { queued: number } }>('GET', `/v1/queues/${first.queue}`);
  expect(counts.queued).toBeGreaterThan(0);
});

test('a last attempt forgot who had the email, and that its end was unknown', async () => {
  service = await startService();
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, { attempts: 1 });
  smtp.setScript({ rcpt: ({ recipient }) => (recipient?.startsWith('bob') ? '451 4.3.0 later' : undefined) });
  const partly = await service.ok<EmailBody>('POST', emails, anEmail({ to: ['ann@example.org', 'bob@example.org'] }));
  await stateIs(queue, partly.id, 'failed');
  expect((await service.email(queue, partly.id)).reason?.code).toBe('partly-sent');
  smtp.setScript({ dot: () => ({ action: 'close' }) });
  const unknown = await service.ok<EmailBody>('POST', emails, anEmail());
  await stateIs(queue, unknown.id, 'uncertain');
});

test('an upload that was given up while Redis did not answer ended the API', async () => {
  service = await startService({ workers: 0 });
  await setUpQueue(service, 'acme/app', smtp.port);
  await command('CLIENT', 'PAUSE', '1500', 'ALL');
  const given = new AbortController();
  const upload = fetch(`${service.url}/v1/queues/acme/fresh/content`, {
    method: 'POST',
    body: Buffer.alloc(5_000_000),
    signal: given.signal,
    headers: { authorization: 'Bearer operator-key-of-the-tests-0123456789' },
  });
  given.abort();
  await expect(upload).rejects.toThrow();
  await eventually(async () => expect((await service.call('GET', '/readyz')).status).toBe(200));
});

test.each([
  { how: 'deferred', reply: '451 4.3.0 later' },
  { how: 'given back', reply: undefined },
])('an email that was $how by a stopping worker was announced five seconds late', async ({ reply }) => {
  service = await startService({ worker: { grace: 2_000 } });
  const backoff = { type: 'fixed', delay: '1ms', jitter: 0 };
  // One at a time: the worker would go on to the next email, and stops before it does.
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, { backoff, concurrency: 1 });
  const dueAt = async (): Promise<number> => Number(await command('ZSCORE', 'rohrpost:{fleet}:due', 'acme.app'));
  const reached = deferred<void>();
  const said = deferred<string>();
  smtp.setScript({ rcpt: () => (reached.resolve(), said.promise) });
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail());
  await reached.promise;
  // Another worker has seen that there is nothing to do for now, and looks again some seconds later.
  const other = await service.addWorker();
  await eventually(async () => expect(await dueAt()).toBeGreaterThan(Date.now() + 1_000));
  await other.lifecycle.stop('it only looked');
  const stopped = service.workers[0]?.lifecycle.stop('end of its day');
  if (reply !== undefined) said.resolve(reply);
  await stopped;
  expect((await service.email(queue, id)).attempts).toHaveLength(reply === undefined ? 0 : 1);
  // Whoever looks at what is due from now on finds it.
  expect(await dueAt()).toBeLessThanOrEqual(Date.now());
});

test('an attempt with a server that is never done held its place for ever', async () => {
  service = await startService({ bounds: { attempt: 500 } });
  const backoff = { type: 'fixed', delay: '1h', jitter: 0 };
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, { backoff, onUncertain: 'hold' });
  for (const [phase, state, text] of [
    ['rcpt', 'deferred', 'the attempt took too long: given up at RCPT TO'],
    ['dot', 'uncertain', 'after the message was sent'],
  ] as const) {
    smtp.setScript({ [phase]: () => ({ action: 'stall' }) });
    const { id } = await service.ok<EmailBody>('POST', emails, anEmail());
    await stateIs(queue, id, state);
    expect((await service.email(queue, id)).attempts).toMatchObject([
      { outcome: state, text: expect.stringContaining(text) as string },
    ]);
    await eventually(() => expect(service.workers[0]?.fleet.inWork).toBe(0));
  }
});
