// Bull Board and the API: never of two minds about an email's state, and nothing goes round the rules.
import { untilState } from '../../support/emails';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;
let queue: string;
let emails: string;

beforeAll(async () => {
  smtp = await startSmtpServer();
  service = await startService();
  ({ queue, emails } = await setUpQueue(service, 'acme/app', smtp.port));
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});

const board = async (
  method: string,
  path: string,
  { key = OPERATOR_KEY, body, headers }: { key?: string; body?: unknown; headers?: Record<string, string> } = {},
) => {
  const response = await fetch(`${service.url}/board${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(`any:${key}`).toString('base64')}`,
      'content-type': 'application/json',
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    body: (/json/.test(response.headers.get('content-type') ?? '') && text !== '' ? JSON.parse(text) : {}) as Record<
      string,
      unknown
    >,
  };
};

interface BoardJob extends Record<string, unknown> {
  job: { name: string; failedReason?: string; externalUrl?: unknown; data: Record<string, unknown> };
  status: string;
}
const jobOf = async (id: string): Promise<BoardJob> =>
  (await board('GET', `/api/queues/acme.app/${id}`)).body as BoardJob;
const ended = (id: string, state: string) => untilState(service, queue, id, state);
const post = async (changes: Record<string, unknown> = {}): Promise<string> =>
  (await service.ok<EmailBody>('POST', emails, anEmail(changes))).id;

test('all states are told alike by the API and by Bull Board', async () => {
  const ids: Record<string, string> = {};
  let release: () => void = () => undefined;
  const waiting = new Promise<string>((resolve) => (release = () => resolve('250 ok')));
  smtp.setScript({
    rcpt: ({ recipient = '' }) =>
      recipient.startsWith('failed')
        ? '550 5.1.1 no'
        : recipient.startsWith('deferred')
          ? '451 4.3.0 later'
          : undefined,
    dot: ({ message }) =>
      message === sendingMessage ? waiting : message === uncertainMessage ? { action: 'close' } : undefined,
  });
  let sendingMessage = -1;
  let uncertainMessage = -1;
  for (const state of ['sent', 'failed', 'deferred']) {
    ids[state] = await post({ to: [`${state}@example.org`] });
    await ended(ids[state], state);
  }
  uncertainMessage = smtp.commands.filter((line) => line.startsWith('MAIL')).length + 1;
  ids['uncertain'] = await post({ onUncertain: 'hold' });
  await ended(ids['uncertain'], 'uncertain');
  sendingMessage = smtp.commands.filter((line) => line.startsWith('MAIL')).length + 1;
  ids['sending'] = await post();
  await ended(ids['sending'], 'sending');
  await service.ok('POST', `/v1/queues/${queue}/pause`);
  ids['queued'] = await post();
  ids['scheduled'] = await post({ sendAt: '2030-01-01T00:00:00Z' });
  ids['expired'] = await post({ expiresAfter: '1ms' });
  ids['held'] = await post();
  ids['canceled'] = await post();
  await service.ok('POST', `${emails}/${ids['held']}/hold`);
  await service.ok('POST', `${emails}/${ids['canceled']}/cancel`);
  await ended(ids['expired'], 'expired');
  // It is expired at once, which the board's row says, and among the failed ones when the sweep has come.
  await eventually(async () => expect((await jobOf(ids['expired'] ?? '')).status).toBe('failed'));

  const told = await Promise.all(
    Object.entries(ids).map(async ([state, id]) => {
      const { status, job } = await jobOf(id);
      const email = await service.email(queue, id);
      const code = status === 'failed' ? job.failedReason?.split(':')[0] : undefined;
      return {
        state,
        api: email.state,
        board: status,
        code,
        reason: status === 'failed' ? email.reason?.code : undefined,
      };
    }),
  );
  const boardStates: Record<string, string> = {
    sent: 'completed',
    deferred: 'delayed',
    scheduled: 'delayed',
    sending: 'active',
    queued: 'prioritized',
  };
  for (const { state, api, board: status, code, reason } of told) {
    expect({ state, api, status, code }).toEqual({
      state,
      api: state,
      status: boardStates[state] ?? 'failed',
      code: reason,
    });
  }
  const { counts } = await service.ok<{ counts: Record<string, number> }>('GET', `/v1/queues/${queue}`);
  expect(counts).toEqual(Object.fromEntries(Object.keys(ids).map((state) => [state, 1])));

  for (const [state, id] of Object.entries(ids)) {
    const retried = await board('PUT', `/api/queues/acme.app/${id}/retry/failed`);
    const allowed = ['failed', 'uncertain', 'expired', 'held'].includes(state);
    expect([state, retried.status]).toEqual([state, expect.any(Number)]);
    const answer = await board('PUT', `/api/queues/acme.app/${id}/retry`);
    expect([state, answer.status]).toEqual([state, allowed ? 204 : 409]);
    if (!allowed) expect(answer.body['message']).toEqual(expect.stringMatching(/email/));
  }
  release();
  await service.ok('POST', `/v1/queues/${queue}/resume`);
});

test('what is held or canceled stands among the failed ones under its own name; rows lead to the console', async () => {
  const names: Record<string, string> = {};
  for (const [state, action] of [
    ['held', 'hold'],
    ['canceled', 'cancel'],
  ] as const) {
    const id = await post({ sendAt: '2030-01-01T00:00:00Z', subject: `${state} one` });
    await service.ok('POST', `${emails}/${id}/${action}`);
    const { job } = await jobOf(id);
    names[state] = job.name;
    expect(job.externalUrl).toMatchObject({ href: `/queues/acme/app/emails/${id}` });
  }
  expect(names).toEqual({
    held: 'held · Ann <ann@example.org> · held one',
    canceled: 'canceled · Ann <ann@example.org> · canceled one',
  });
  const { queues } = (await board('GET', '/api/queues')).body as { queues: Record<string, unknown>[] };
  expect(queues[0]).toMatchObject({ allowRetries: true, allowCompletedRetries: false });
  const page = await (
    await fetch(`${service.url}/board/`, {
      headers: { authorization: `Basic ${Buffer.from(`any:${OPERATOR_KEY}`).toString('base64')}` },
    })
  ).text();
  expect(page).toContain('"text":"Console","url":"/"');
});

test('an edit is a correction: validated, versioned, recorded', async () => {
  const id = await post({ sendAt: '2030-01-01T00:00:00Z' });
  const { data } = (await jobOf(id)).job;
  const edit = (jobData: unknown) => board('PATCH', `/api/queues/acme.app/${id}/update-data`, { body: { jobData } });
  const bad = await edit({ ...data, to: [{ address: 'nobody' }] });
  expect([bad.status, bad.body['message']]).toEqual([422, expect.stringContaining('/to/0')]);
  expect((await edit({ ...data, domain: 'evil.example' })).status).toBe(422);
  expect((await edit({ ...data, subject: 'Edited' })).status).toBe(204);
  expect((await edit({ ...data, subject: 'Too late' })).status).toBe(412);
  const email = await service.email(queue, id);
  expect(email).toMatchObject({
    subject: 'Edited',
    changes: [{ what: 'corrected', by: 'operator', fields: { subject: { before: 'Hello', after: 'Edited' } } }],
  });
  expect((await board('PUT', `/api/queues/acme.app/${id}/promote`)).status).toBe(204);
  await ended(id, 'sent');
  expect((await board('PUT', `/api/queues/acme.app/${id}/clean`)).status).toBe(204);
  expect((await service.call('GET', `${emails}/${id}`)).status).toBe(404);
});

test('what would go round the rules is refused with a sentence', async () => {
  const id = await post({ sendAt: '2030-01-01T00:00:00Z' });
  for (const [method, path] of [
    ['POST', '/add'],
    ['PUT', '/empty'],
    ['PUT', '/obliterate'],
    ['PUT', '/promote'],
    ['PUT', '/retry/failed'],
    ['PUT', '/clean/failed'],
    ['PUT', '/concurrency'],
    ['PUT', '/rate-limit'],
    ['PATCH', `/${id}/delay`],
    ['PATCH', `/${id}/priority`],
  ] as const) {
    const answer = await board(method, `/api/queues/acme.app${path}`, { body: {} });
    expect([path, answer.status, answer.body['message']]).toEqual([
      path,
      403,
      expect.stringMatching(/rules.*console.*\/queues\/acme\/app:/),
    ]);
  }
  expect((await board('PUT', '/api/queues/pause')).status).toBe(403);
  expect((await service.email(queue, id)).state).toBe('scheduled');
});

test('an administrator sees and changes his own tree only; senders, strangers and other sites nothing', async () => {
  await setUpQueue(service, 'other/shop', smtp.port);
  const issue = async (role: string, tenant: string) =>
    (await service.ok<{ key: string }>('POST', '/v1/keys', { role, tenant })).key;
  const admin = await issue('admin', 'other');
  const names = async (key?: string) =>
    ((await board('GET', '/api/queues', key === undefined ? {} : { key })).body['queues'] as { name: string }[])
      .map(({ name }) => name)
      .sort();
  expect(await names()).toEqual(['acme.app', 'other.shop']);
  expect(await names(admin)).toEqual(['other.shop']);
  const id = await post({ sendAt: '2030-01-01T00:00:00Z' });
  for (const [method, path] of [
    ['GET', `/api/queues/acme.app/${id}`],
    ['PUT', `/api/queues/acme.app/${id}/clean`],
    ['PUT', '/api/queues/acme.app/pause'],
    ['GET', `/email/acme/app/${id}`],
  ] as const) {
    expect([path, (await board(method, path, { key: admin })).status]).toEqual([path, 404]);
  }
  expect((await board('GET', '/', { key: await issue('sender', 'acme') })).status).toBe(401);
  expect((await board('GET', '/', { key: 'nonsense' })).status).toBe(401);
  for (const origin of ['https://evil.example', 'null'])
    expect((await board('PUT', `/api/queues/acme.app/${id}/clean`, { headers: { origin } })).status).toBe(403);
  expect((await service.email(queue, id)).state).toBe('scheduled');
  expect((await board('GET', `/email/acme/app/${id}`)).body).toMatchObject({ id, state: 'scheduled' });
  await service.ok('PUT', '/v1/queues/acme/second', {});
  expect(await names()).toEqual(['acme.app', 'acme.second', 'other.shop']);
  await service.ok('DELETE', '/v1/queues/acme/second');
  expect(await names()).toEqual(['acme.app', 'other.shop']);
});
