// Each copy for the archive names who got that message, holds it by itself, and gets its turn, whatever else waits.
import { untilState } from '../../support/emails';
import { startArchiveEndpoint, type ArchiveEndpoint } from '../../support/http/archive-endpoint';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import type { Script } from '../../support/smtp/smtp-script';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

const [ANN, BUSY, NOBODY] = ['ann@example.org', 'busy@example.org', 'nobody@example.org'];

let service: Service;
let smtp: SmtpServer;
const endpoints: ArchiveEndpoint[] = [];

beforeAll(async () => {
  smtp = await startSmtpServer();
  const allowed = { allowPrivate: ['127.0.0.1'] };
  service = await startService({ api: allowed, worker: allowed });
});
beforeEach(() => smtp.setScript({}));
afterAll(async () => {
  await service.close();
  await smtp.close();
  await Promise.all(endpoints.map((endpoint) => endpoint.close()));
});

interface Archiving {
  waiting: number;
}

/** A complete message: each attempt hands over the same bytes. */
const complete = (domain: string): string =>
  Buffer.from(
    [
      `From: sender@${domain}`,
      'To: all@example.org',
      'Subject: Complete',
      'Date: Mon, 1 Jan 2029 08:00:00 +0000',
      `Message-ID: <complete@${domain}>`,
      '',
      'The same each time.',
      '',
    ].join('\r\n'),
  ).toString('base64');

/** A queue whose archive is an endpoint. */
const archived = async (name: string, settings: Record<string, unknown> = {}) => {
  const endpoint = await startArchiveEndpoint();
  endpoints.push(endpoint);
  const [tenant = ''] = name.split('/');
  const { queue, emails } = await setUpQueue(service, name, smtp.port, {
    archiveTo: { url: endpoint.url },
    backoff: { type: 'fixed', delay: '6h', jitter: 0 },
    onUncertain: 'hold',
    ...settings,
  });
  const { secret } = await service.ok<{ secret: string }>('GET', `/v1/tenants/${tenant}/signing-secret`);
  endpoint.secret = secret;
  const post = async (changes: Record<string, unknown>): Promise<string> =>
    (await service.ok<EmailBody>('POST', emails, changes)).id;
  const until = (id: string, state: string) => untilState(service, queue, id, state);
  const sendNow = (id: string) => service.ok('POST', `${emails}/${id}/send-now`);
  const waiting = async () =>
    (await service.ok<{ archiving: Archiving }>('GET', `/v1/queues/${queue}`)).archiving.waiting;
  const namedTo = () => endpoint.taken.map(({ metadata }) => metadata['to']);
  const explained = async (id: string) =>
    (await service.ok<{ reasons: { code: string }[] }>('GET', `${emails}/${id}/explain`)).reasons.filter(
      ({ code }) => code === 'archive-waiting',
    );
  return { endpoint, queue, emails, post, until, sendNow, waiting, namedTo, explained };
};

/** Takes the first hand-over for all but `BUSY`, and refuses `NOBODY`. @param dot of the later hand-overs */
const busyAtFirst = (dot?: Script['dot']): Script => {
  let asked = 0;
  return {
    rcpt: ({ recipient = '' }) => {
      if (recipient === NOBODY) return '550 5.1.1 no such user';
      return recipient === BUSY && ++asked === 1 ? '451 4.2.1 busy' : undefined;
    },
    ...(dot && { dot: (context) => (asked > 1 ? dot(context) : undefined) }),
  };
};

test('the same bytes handed over twice are two copies, each with those who got them then', async () => {
  const { endpoint, post, until, sendNow, waiting, namedTo, explained } = await archived('twice/app');
  endpoint.answer = () => 503;
  smtp.setScript(busyAtFirst());
  const id = await post({ to: [ANN, BUSY], raw: complete('twice.example') });
  await until(id, 'deferred');
  await eventually(async () => expect(await waiting()).toBe(1));
  await sendNow(id);
  await until(id, 'sent');
  await eventually(async () => expect(await waiting()).toBe(2));
  expect(await explained(id)).toHaveLength(2);
  endpoint.answer = () => 204;
  await eventually(() => expect(endpoint.taken).toHaveLength(2));
  expect(namedTo()).toEqual(expect.arrayContaining([[ANN], [BUSY]]));
  const [first, second] = endpoint.taken;
  expect(first?.id).not.toBe(second?.id);
  expect(first?.message.equals(second?.message ?? Buffer.alloc(0))).toBe(true);
  await eventually(async () => expect(await waiting()).toBe(0));
});

test('what an email still needs stays when the archive has its copy', async () => {
  const { endpoint, queue, emails, post, until, sendNow, namedTo } = await archived('again/app');
  await service.ok('PATCH', `/v1/queues/${queue}`, { archive: true });
  const first = await post(anEmail());
  await until(first, 'sent');
  await eventually(() => expect(endpoint.taken).toHaveLength(1));
  await service.ok('PATCH', `/v1/queues/${queue}`, { archive: false });
  // Sent again as it was: what is archived of it is what it is made of.
  smtp.setScript(busyAtFirst());
  const to = [ANN, BUSY];
  const { id } = await service.ok<EmailBody>('POST', `${emails}/${first}/resend`, { mode: 'as-sent', to });
  await until(id, 'deferred');
  await eventually(() => expect(endpoint.taken).toHaveLength(2));
  // Nobody else holds the bytes.
  await service.ok('DELETE', `${emails}/${first}`);
  await sendNow(id);
  await until(id, 'sent');
  await eventually(() => expect(endpoint.taken).toHaveLength(3));
  expect(namedTo().slice(1)).toEqual([[ANN], [BUSY]]);
  await eventually(async () =>
    expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ archiving: { waiting: 0 } }),
  );
  expect(await service.call('POST', `${emails}/${id}/resend`, { mode: 'render' })).toMatchObject({ status: 202 });
});

test('resolved as sent: the archive gets the message, and is told of nobody who was refused or put off', async () => {
  const { endpoint, emails, post, until, sendNow, namedTo } = await archived('lost/app');
  // The second hand-over has no known end; the archive takes the first one between that and what a person says of it.
  endpoint.answer = () => 503;
  smtp.setScript(busyAtFirst(() => ({ action: 'close' })));
  const id = await post({ to: [ANN, BUSY], raw: complete('lost.example') });
  await until(id, 'deferred');
  await sendNow(id);
  await until(id, 'uncertain');
  endpoint.answer = () => 204;
  await eventually(() => expect(endpoint.taken).toHaveLength(1));
  await service.ok('POST', `${emails}/${id}/resolve`, { as: 'sent' });
  await eventually(() => expect(namedTo()).toEqual([[ANN], [BUSY]]));

  endpoint.taken.splice(0);
  smtp.setScript({ ...busyAtFirst(), dot: () => ({ action: 'close' }) });
  const other = await post(anEmail({ to: [ANN, NOBODY, BUSY] }));
  const uncertain = await until(other, 'uncertain');
  expect(uncertain).toMatchObject({ recipients: { refused: [{ recipient: NOBODY, code: 550 }] } });
  await service.ok('POST', `${emails}/${other}/resolve`, { as: 'sent' });
  await eventually(() => expect(namedTo()).toEqual([[ANN]]));
  expect(await service.email('lost/app', other)).toMatchObject({
    state: 'sent',
    recipients: { refused: [{ recipient: NOBODY }] },
  });
});

test('every queue of a tenant gets its turn', async () => {
  const queues: Awaited<ReturnType<typeof archived>>[] = [];
  for (let n = 0; n < 7; n++) queues.push(await archived(`many/app${n}`));
  await Promise.all(
    queues.map(async ({ post, until }) => {
      await until(await post(anEmail()), 'sent');
    }),
  );
  await eventually(() => expect(queues.map(({ endpoint }) => endpoint.taken.length)).toEqual(queues.map(() => 1)));
});

test('nothing is handed over while the installation is paused', async () => {
  const { endpoint, post, until, waiting } = await archived('paused/app');
  endpoint.answer = () => 503;
  await until(await post(anEmail()), 'sent');
  await eventually(() => expect(endpoint.asked.length).toBeGreaterThan(0));
  await service.ok('POST', '/v1/pause', { reason: 'a look first' });
  endpoint.answer = () => 204;
  const redis = await service.redis.connect();
  try {
    // It is due again 1 s after the first attempt, 4 s after the second; and is looked for four times a second.
    await eventually(async () => {
      const [, at = '0'] = await redis.zrange('rohrpost:{paused.app}:paused.app:rp:copies-due', 0, '-1', 'WITHSCORES');
      expect(Date.now()).toBeGreaterThan(Number(at) + 2_000);
    });
  } finally {
    redis.disconnect();
  }
  expect(endpoint.taken).toEqual([]);
  expect(await waiting()).toBe(1);
  await service.ok('POST', '/v1/resume');
  await eventually(() => expect(endpoint.taken).toHaveLength(1));
  await eventually(async () => expect(await waiting()).toBe(0));
});

test('a Redis that takes no copy at the moment of a hand-over makes nobody get an email twice, and loses no copy', async () => {
  const { endpoint, queue, emails, post, until, sendNow, namedTo, waiting } = await archived('full/app');
  const redis = await service.redis.connect();
  const { rcpt } = busyAtFirst();
  let full = false;
  smtp.setScript({
    ...(rcpt && { rcpt }),
    dot: async () => {
      if (full) return;
      full = true;
      await redis.config('SET', 'maxmemory', '1');
    },
  });
  try {
    const before = smtp.messages.length;
    const id = await post({ to: [ANN, BUSY], raw: complete('full.example') });
    const accepted = { recipients: { accepted: [ANN] } };
    await eventually(async () => expect(await service.email(queue, id)).toMatchObject(accepted));
    await redis.config('SET', 'maxmemory', '0');
    // The attempt is over, whatever became of it, and nothing of it is in doubt.
    await eventually(async () => expect((await service.email(queue, id)).state).not.toBe('sending'));
    await sendNow(id);
    await until(id, 'sent');
    expect(smtp.messages.slice(before).map(({ to }) => to)).toEqual([[ANN], [BUSY]]);
    // A queue that was not named is found by upkeep, or with its next copy.
    await eventually(() => expect(namedTo()).toEqual(expect.arrayContaining([[ANN], [BUSY]])));
    expect(endpoint.taken).toHaveLength(2);
    await eventually(async () => expect(await waiting()).toBe(0));
    await service.ok('DELETE', `${emails}/${id}`);
  } finally {
    await redis.config('SET', 'maxmemory', '0');
    redis.disconnect();
  }
});

test('a Redis that is full when the only hand-over is over: the email is sent once, and the archive gets it', async () => {
  const { endpoint, post, until, namedTo, waiting } = await archived('brim/app');
  const redis = await service.redis.connect();
  smtp.setScript({ dot: async () => void (await redis.config('SET', 'maxmemory', '1')) });
  try {
    const before = smtp.messages.length;
    const id = await post({ to: [ANN], raw: complete('brim.example') });
    // It ends although Redis takes nothing that grows.
    await until(id, 'sent');
    await redis.config('SET', 'maxmemory', '0');
    expect(smtp.messages.slice(before)).toHaveLength(1);
    expect(await waiting()).toBe(1);
    // The queue could not be named then: upkeep does so, or its next copy.
    smtp.setScript({});
    await until(await post({ to: [BUSY], raw: complete('next.example') }), 'sent');
    await eventually(() => expect(namedTo()).toEqual(expect.arrayContaining([[ANN], [BUSY]])));
    expect(endpoint.taken).toHaveLength(2);
  } finally {
    await redis.config('SET', 'maxmemory', '0');
    redis.disconnect();
  }
});
