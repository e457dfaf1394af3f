// The log answers: one email's story by its id over both processes, and who was refused what; no addresses, no secrets.
import { OPERATOR_KEY, anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { serviceEnv, startProcess, type ServiceProcess } from '../../support/processes/process';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';
import { heldFetch } from '../../support/http/held-fetch';

let service: Service;
let smtp: SmtpServer;
let api: ServiceProcess;
let worker: ServiceProcess;
let url: string;

beforeAll(async () => {
  smtp = await startSmtpServer({
    script: {
      rcpt: ({ recipient = '' }) => {
        if (recipient.startsWith('gone')) return { reply: `550 5.1.1 <${recipient}>: User gone unknown` };
        if (recipient.startsWith('grey')) return { reply: '451 4.7.1 come back later' };
        return undefined;
      },
      dot: () => ({ reply: '250 2.0.0 Ok: queued as 4Xk2qv1QpZ' }),
    },
  });
  service = await startService({ workers: 0 });
  const env = serviceEnv(service.redis.url, service.dataDir);
  [api, worker] = await Promise.all([startProcess('api', env), startProcess('worker', env)]);
  url = `http://127.0.0.1:${api.port}`;
  await eventually(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200));
});
afterAll(async () => {
  await Promise.all([api.end('SIGTERM'), worker.end('SIGTERM')]);
  await service.close();
  await smtp.close();
});

type Line = Record<string, unknown> & { message: string };

/** What `grep` finds in the logs of both processes, in the order of time. */
const grep = (words: string): Line[] =>
  [...api.log, ...worker.log]
    .filter((line) => line.includes(words))
    .map((line) => JSON.parse(line) as Line)
    .sort((a, b) => String(a['time']).localeCompare(String(b['time'])));

const story = (id: string): string[] => grep(id).map(({ message }) => message);

const call = async (method: string, path: string, body?: unknown, key = OPERATOR_KEY) => {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const answer = await heldFetch(`${url}${path}`, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> };
};

/** A sender's key for a queue. */
const keyFor = async (tenant: string, application: string): Promise<{ id: string; key: string }> =>
  service.ok('POST', '/v1/keys', { role: 'sender', tenant, application, name: 'billing' });

test('an email is followed by its id, from accepted to sent and erased, with who did what', async () => {
  const { emails } = await setUpQueue(service, 'acme/app', smtp.port, { backoff: { type: 'fixed', delay: '1h' } });
  const { id: keyId, key } = await keyFor('acme', 'app');
  const by = `sender ${keyId} (billing)`;
  const at = (status: string) =>
    eventually(async () => expect((await service.email('acme/app', id)).state).toBe(status));
  const { id } = (await call('POST', emails, anEmail({ to: ['grey@example.org'] }), key)).body as EmailBody;
  await at('deferred');
  await call('PATCH', `${emails}/${id}`, { to: ['gone@example.org'] }, key);
  await call('POST', `${emails}/${id}/send-now`, undefined, key);
  await at('failed');
  await call('PATCH', `${emails}/${id}`, { to: ['ann@example.org'] }, key);
  await call('POST', `${emails}/${id}/release`, undefined, key);
  await at('sent');
  await call('DELETE', `${emails}/${id}`, undefined, key);

  const whole = [
    'accepted',
    'deferred',
    'corrected',
    'corrected',
    'ended unsent',
    'corrected',
    'released',
    'sent',
    'erased',
  ];
  // Two processes write it, each when it has time.
  await eventually(() => expect(story(id)).toEqual(whole));
  const lines = grep(id);
  for (const line of lines) expect(line).toMatchObject({ email: id, tenant: 'acme', application: 'app' });
  const about = (message: string): Line | undefined => lines.find((line) => line.message === message);
  for (const message of ['accepted', 'corrected', 'released', 'erased']) expect(about(message)).toMatchObject({ by });
  expect(about('corrected')).toMatchObject({ fields: ['to'] });
  expect(about('deferred')).toMatchObject({
    transport: 'default',
    state: 'deferred',
    replies: ['451 4.7.1 come back later'],
    next: expect.any(String) as string,
  });
  expect(about('ended unsent')).toMatchObject({
    transport: 'default',
    code: 'refused',
    replies: ['550 5.1.1 <(address)>: User (address) unknown'],
  });
  expect(about('sent')).toMatchObject({
    transport: 'default',
    replies: ['250 2.0.0 Ok: queued as 4Xk2qv1QpZ'],
    queueId: '4Xk2qv1QpZ',
  });
});

test('held, canceled, expired and refused in a batch are told too', async () => {
  const { emails } = await setUpQueue(service, 'acme/held', smtp.port, { enabled: false });
  const batch = {
    emails: [anEmail(), anEmail({ expiresAfter: '1s' }), anEmail({ nonsense: 1 }), anEmail({ nonsense: 2 })],
  };
  const { results } = (await call('POST', `${emails}/batch`, batch)).body as { results: { id: string }[] };
  const [held = '', expired = ''] = results.map(({ id }) => id);
  await call('POST', `${emails}/${held}/hold`);
  await call('POST', `${emails}/${held}/cancel`);
  await eventually(() => expect(story(expired)).toEqual(['accepted', 'expired']));
  expect(story(held)).toEqual(['accepted', 'held', 'canceled']);
  expect(grep('emails of a batch refused')).toMatchObject([
    { tenant: 'acme', application: 'held', by: 'operator', of: 4, refused: 2, codes: ['invalid'] },
  ]);
});

test('an email of which nothing is kept is told as sent and erased', async () => {
  const { emails } = await setUpQueue(service, 'acme/traceless', smtp.port, { history: { keep: false } });
  const { id } = (await call('POST', emails, anEmail())).body as EmailBody;
  await eventually(() => expect(story(id)).toEqual(['accepted', 'sent', 'erased']));
  expect(grep(id).map(({ by }) => by)).toEqual(['operator', undefined, 'the service']);
  expect(grep(id)[1]).toMatchObject({ queueId: '4Xk2qv1QpZ', transport: 'default', outcome: 'sent' });
});

test('expired is told once, whether the sweep finds it or somebody who acts on it', async () => {
  const { emails } = await setUpQueue(service, 'acme/late', smtp.port, { enabled: false });
  // More than one: the sweep comes every two seconds, and may be there first.
  for (let round = 0; round < 3; round++) {
    const { id } = (await call('POST', emails, anEmail({ expiresAfter: '1s' }))).body as EmailBody;
    await eventually(async () => expect((await service.email('acme/late', id)).state).toBe('expired'), { every: 5 });
    expect((await call('POST', `${emails}/${id}/release`)).status).toBeLessThan(300);
    await eventually(() => expect(story(id).slice(0, 3)).toEqual(['accepted', 'expired', 'released']));
    expect(grep(id)[1]).toMatchObject({ by: 'the service', tenant: 'acme', application: 'late' });
  }
});

test('an email that is asked for again is told under its id', async () => {
  const { emails } = await setUpQueue(service, 'acme/again', smtp.port, { enabled: false });
  const headers = {
    authorization: `Bearer ${OPERATOR_KEY}`,
    'content-type': 'application/json',
    'idempotency-key': 'k1',
  };
  const ask = () => heldFetch(`${url}${emails}`, { method: 'POST', headers, body: JSON.stringify(anEmail()) });
  const { id } = (await (await ask()).json()) as EmailBody;
  await ask();
  await eventually(() => expect(story(id)).toEqual(['accepted', 'asked for again: accepted before']));
});

test('wrong keys and refused requests are told with key, tenant and code, and nothing else of them', async () => {
  await setUpQueue(service, 'other/app', smtp.port);
  const { id, key } = await keyFor('other', 'app');
  const wrong = key.replace(/.{4}$/, 'AAAA');
  const emails = '/v1/queues/other/app/emails';
  expect((await call('POST', emails, anEmail(), wrong)).status).toBe(401);
  expect((await call('POST', emails, anEmail(), 'not-of-ours')).status).toBe(401);
  const secret = { to: ['secret-person@example.org'], subject: 'secret subject', text: 'x', nonsense: true };
  expect((await call('POST', emails, secret, key)).status).toBe(422);
  expect((await call('GET', `${emails}?recipient=secret-person@example.org&nonsense=1`, undefined, key)).status).toBe(
    422,
  );
  expect((await call('GET', '/v1/queues/acme/app/emails/secret-person@example.org', undefined, key)).status).toBe(404);
  expect((await call('PUT', '/v1/tenants/other', {}, key)).status).toBeGreaterThanOrEqual(403);

  await eventually(() => expect(grep('request refused')).toHaveLength(4));
  expect(grep('wrong key')).toMatchObject([
    { level: 30, status: 401, keyId: id, remote: '127.0.0.1', tenant: 'other', application: 'app' },
    { level: 30, status: 401, code: 'unauthenticated', remote: '127.0.0.1' },
  ]);
  expect(grep('request refused')[0]).toMatchObject({
    level: 30,
    status: 422,
    code: 'invalid',
    tenant: 'other',
    application: 'app',
    method: 'POST',
    path: emails,
    by: `sender ${id} (billing)`,
  });
  const all = [...api.log, ...worker.log].join('\n');
  for (const words of ['secret', '@example.org', key, wrong, key.slice(-20), 'Hello Ann'])
    expect(all).not.toContain(words);
});
