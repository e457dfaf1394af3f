// The whole installation paused: emails are accepted and kept, and none is sent before it is resumed.
import { untilState } from '../../support/emails';
import { serviceEnv, startProcess } from '../../support/processes/process';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;
let queue: string;
let emails: string;

beforeEach(async () => {
  smtp = await startSmtpServer();
});
afterEach(async () => {
  await service.close();
  await smtp.close();
});

const post = async (changes = {}): Promise<string> =>
  (await service.ok<EmailBody>('POST', emails, anEmail(changes))).id;
const reasons = async (id: string) =>
  (await service.ok<{ reasons: { code: string; text: string }[] }>('GET', `${emails}/${id}/explain`)).reasons;

test('a pause reaches workers that run, holds for new ones, and ends everywhere', async () => {
  service = await startService();
  ({ queue, emails } = await setUpQueue(service, 'acme/app', smtp.port));
  await untilState(service, queue, await post(), 'sent');
  const later = await post({ sendAt: new Date(Date.now() + 1_000).toISOString() });
  expect(await service.ok('POST', '/v1/pause', { reason: 'moving house' })).toMatchObject({
    paused: true,
    by: 'operator',
    reason: 'moving house',
  });
  const waiting = await post();
  const expiring = await post({ expiresAfter: '1500ms' });
  await service.addWorker();
  // It expires although nothing is sent: by then both workers had their time, and so had the scheduled one.
  await untilState(service, queue, expiring, 'expired');
  expect((await service.email(queue, waiting)).state).toBe('queued');
  expect((await service.email(queue, later)).state).not.toBe('sent');
  expect(await reasons(waiting)).toContainEqual({
    code: 'installation-paused',
    text: expect.stringMatching(/paused since .* by operator \(moving house\)/) as string,
  });
  expect(smtp.messages).toHaveLength(1);
  expect(await service.ok('GET', '/v1/pause')).toMatchObject({ paused: true, reason: 'moving house' });
  expect(await service.ok('POST', '/v1/resume')).toEqual({ paused: false });
  await untilState(service, queue, waiting, 'sent');
  await untilState(service, queue, later, 'sent');
  const { entries } = await service.ok<{ entries: { what: string; reason?: string }[] }>('GET', '/v1/audit');
  expect(entries).toContainEqual(expect.objectContaining({ what: 'installation paused', reason: 'moving house' }));
});

test('nobody but the operator pauses it; a queue keeps its own reason', async () => {
  service = await startService({ workers: 0 });
  ({ queue, emails } = await setUpQueue(service, 'acme/app', smtp.port));
  const { key } = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'admin', tenant: 'acme' });
  for (const path of ['/v1/pause', '/v1/resume'])
    expect((await service.call('POST', path, { reason: 'x' }, { key })).status).toBe(403);
  const id = await post();
  expect((await service.call('POST', `/v1/queues/${queue}/pause`, { reason: 'a\nb' })).status).toBe(422);
  await service.ok('POST', `/v1/queues/${queue}/pause`, { reason: 'wrong price list' }, { key });
  await service.ok('PATCH', `/v1/queues/${queue}`, { concurrency: 2 });
  expect(await reasons(id)).toContainEqual({
    code: 'queue-paused',
    text: expect.stringMatching(/by admin \w+ \(wrong price list\): resume it/) as string,
  });
  await service.ok('PATCH', `/v1/queues/${queue}`, { enabled: true });
  expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ paused: false, enabled: true });
  expect((await reasons(id)).map(({ code }) => code)).not.toContain('queue-paused');
});

test('ROHRPOST_START_PAUSED=1: a restored Redis is looked at before anything leaves', async () => {
  service = await startService({ workers: 0 });
  ({ queue, emails } = await setUpQueue(service, 'acme/app', smtp.port));
  const waiting = await post();
  const env = { ...serviceEnv(service.redis.url, service.dataDir), ROHRPOST_START_PAUSED: '1' };
  const worker = await startProcess('worker', env);
  try {
    const pause = await service.ok<{ by: string }>('GET', '/v1/pause');
    expect(pause).toMatchObject({ paused: true, by: 'ROHRPOST_START_PAUSED' });
    expect(worker.log.join('\n')).toContain('nothing is sent until');
    await untilState(service, queue, await post({ expiresAfter: '1s' }), 'expired');
    expect((await service.email(queue, waiting)).state).toBe('queued');
    await service.ok('POST', '/v1/resume');
    await untilState(service, queue, waiting, 'sent');
  } finally {
    await worker.end('SIGTERM');
  }
  await eventually(() => expect(smtp.messages).toHaveLength(1));
});
