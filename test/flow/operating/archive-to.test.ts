// Every message that a server took is handed over to the archive of its queue, by HTTP or by SMTP; a slow archive holds up nobody.
import { untilState } from '../../support/emails';
import { startArchiveEndpoint, type ArchiveEndpoint } from '../../support/http/archive-endpoint';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;
const endpoints: ArchiveEndpoint[] = [];

beforeAll(async () => {
  smtp = await startSmtpServer({
    script: { rcpt: ({ recipient = '' }) => (recipient.startsWith('busy') ? '451 4.7.1 later' : undefined) },
  });
  const allowed = { allowPrivate: ['127.0.0.1'] };
  service = await startService({ api: allowed, worker: allowed });
});
afterAll(async () => {
  await service.close();
  await smtp.close();
  await Promise.all(endpoints.map((endpoint) => endpoint.close()));
});

interface Archiving {
  waiting: number;
  failingSince?: string;
  takenAt?: string;
  error?: string;
}

/** A queue whose archive is an endpoint. */
const archived = async (tenant: string, settings: Record<string, unknown> = {}) => {
  const endpoint = await startArchiveEndpoint();
  endpoints.push(endpoint);
  const archiveTo = { url: endpoint.url };
  const { queue, emails } = await setUpQueue(service, `${tenant}/app`, smtp.port, { archiveTo, ...settings });
  const { secret } = await service.ok<{ secret: string }>('GET', `/v1/tenants/${tenant}/signing-secret`);
  endpoint.secret = secret;
  const send = async (changes: Record<string, unknown> = {}, state = 'sent'): Promise<string> => {
    const { id } = await service.ok<EmailBody>('POST', emails, anEmail(changes));
    await untilState(service, queue, id, state);
    return id;
  };
  const archiving = async () => (await service.ok<{ archiving: Archiving }>('GET', `/v1/queues/${queue}`)).archiving;
  const taken = (count: number) => eventually(() => expect(endpoint.taken).toHaveLength(count));
  return { endpoint, queue, emails, send, archiving, taken };
};

const contentBytes = async (queue: string): Promise<unknown> =>
  (await service.ok('GET', `/v1/queues/${queue}`))['contentBytes'];

test('posted as it was sent, signed, with who got it, and gone from here once it was taken', async () => {
  const { endpoint, queue, emails, send, archiving, taken } = await archived('acme');
  const text = 'Grüße\r\n'.repeat(100);
  const id = await send({ text, bcc: ['boss@example.org'], tags: ['invoice'], metadata: { case: '114' } });
  await taken(1);
  const [copy] = endpoint.taken;
  const sent = smtp.messages.find(({ to }) => to.includes('boss@example.org'));
  expect(copy?.message.equals(sent?.raw ?? Buffer.alloc(0))).toBe(true);
  expect(copy).toMatchObject({
    id: expect.stringMatching(new RegExp(`^${id}-[0-9a-f]{16}$`)) as string,
    metadata: {
      ...{ id, tenant: 'acme', application: 'app', subject: 'Hello', from: 'sender@acme.example' },
      ...{ to: ['ann@example.org'], cc: [], bcc: ['boss@example.org'], transport: 'default' },
      ...{ tags: ['invoice'], metadata: { case: '114' }, sentAt: expect.stringMatching(/Z$/) as string },
    },
  });
  expect(endpoint.forged).toBe(0);
  await eventually(async () => {
    expect(await archiving()).toEqual({ waiting: 0, takenAt: expect.any(String) as string });
    expect(await contentBytes(queue)).toBe(0);
  });
  expect(await service.call('GET', `${emails}/${id}/message`)).toMatchObject({ status: 409 });
  // What the email keeps by itself stays.
  const kept = await send({ archive: true });
  await taken(2);
  await eventually(async () => expect(await archiving()).toMatchObject({ waiting: 0 }));
  expect(await service.call('GET', `${emails}/${kept}/message`)).toMatchObject({ status: 200 });
});

test('while it takes nothing: emails go out, and the queue and each email say so', async () => {
  const { endpoint, queue, emails, send, archiving, taken } = await archived('down', { history: { keep: true } });
  endpoint.answer = () => 503;
  const id = await send();
  await send();
  await eventually(async () =>
    expect(await archiving()).toEqual({
      waiting: 2,
      failingSince: expect.any(String) as string,
      error: expect.stringMatching(/^it answered 503 not now, (?!ann@)/) as string,
    }),
  );
  const { reasons } = await service.ok<{ reasons: object[] }>('GET', `${emails}/${id}/explain`);
  expect(reasons).toEqual([
    {
      code: 'archive-waiting',
      text: expect.stringMatching(
        /waits for the archive http:\/\/127\.0\.0\.1:\d+\/messages; attempt \d+ failed: it answered 503/,
      ) as string,
      until: expect.any(String) as string,
    },
  ]);
  // Neither the history nor whoever erases takes it from the archive.
  await service.ok('DELETE', `${emails}/${id}`);
  await service.ok('PATCH', `/v1/queues/${queue}`, { history: { keep: false } });
  const { id: gone } = await service.ok<EmailBody>('POST', emails, anEmail({ to: ['carl@example.org'] }));
  await eventually(async () => {
    expect(await service.call('GET', `${emails}/${gone}`)).toMatchObject({ status: 404 });
    expect(await archiving()).toMatchObject({ waiting: 3 });
  });
  expect(await service.call('DELETE', `/v1/queues/${queue}`)).toMatchObject({
    status: 409,
    body: { code: 'queue-not-empty' },
  });
  endpoint.answer = () => 204;
  await taken(3);
  expect(new Set(endpoint.taken.map(({ metadata }) => metadata.id)).size).toBe(3);
  // The same id at each attempt.
  const ids = endpoint.asked.filter(({ metadata }) => metadata.id === id).map((one) => one.id);
  expect(ids.length).toBeGreaterThan(1);
  expect(new Set(ids).size).toBe(1);
  await eventually(async () => {
    expect(await archiving()).toEqual({ waiting: 0, takenAt: expect.any(String) as string });
    expect(await contentBytes(queue)).toBe(0);
  });
});

test('an archive that never answers holds up neither emails nor the archives of others', async () => {
  const slow = await archived('slow');
  slow.endpoint.answer = () => 'never';
  await slow.send();
  await eventually(() => expect(slow.endpoint.asked).toHaveLength(1));
  const well = await archived('well');
  for (let n = 0; n < 3; n++) await Promise.all([slow.send(), well.send()]);
  await well.taken(3);
  expect(await slow.archiving()).toMatchObject({ waiting: 4 });
  // A queue whose archive is given up can be deleted, with what waits for it.
  await service.ok('PATCH', `/v1/queues/${slow.queue}`, { archiveTo: null });
  await service.ok('DELETE', `/v1/queues/${slow.queue}`);
});

test('what some recipients have is archived at once, confidential and redirected emails never', async () => {
  const { endpoint, queue, send, taken, archiving } = await archived('some', { backoff: { delay: '6h' } });
  await send({ to: ['ann@example.org', 'busy@example.org'] }, 'deferred');
  await taken(1);
  expect(endpoint.taken[0]?.metadata['to']).toEqual(['ann@example.org']);
  await send({ confidential: true });
  await service.ok('PATCH', `/v1/queues/${queue}`, { redirectTo: 'test@some.example' });
  await send();
  await service.ok('PATCH', `/v1/queues/${queue}`, { redirectTo: null });
  await send();
  await taken(2);
  expect(await archiving()).toMatchObject({ waiting: 0 });
});

test('by SMTP: a journal report by the transport of the email, with the message as it was sent', async () => {
  const archiveTo = { address: 'journal@archive.example' };
  const { queue, emails } = await setUpQueue(service, 'post/app', smtp.port, { archiveTo });
  const reports = () => smtp.messages.filter(({ to }) => to.includes('journal@archive.example'));
  // The file makes it too large for memory.
  const attachments = [{ filename: 'a.bin', content: Buffer.alloc(600_000, 'ä€').toString('base64') }];
  for (const changes of [{ subject: 'Grüße' }, { subject: 'Large', attachments }]) {
    const before = reports().length;
    const { id } = await service.ok<EmailBody>('POST', emails, anEmail({ bcc: ['boss@example.org'], ...changes }));
    await untilState(service, queue, id, 'sent');
    await eventually(() => expect(reports()).toHaveLength(before + 1));
    const report = reports().at(-1);
    const sent = smtp.messages.find(({ to, raw }) => to.includes('boss@example.org') && raw.includes(id));
    expect(report?.from).toBe('sender@post.example');
    expect(report?.raw.includes(sent?.raw ?? Buffer.from('none'))).toBe(true);
    const parsed = await report?.parsed();
    expect(parsed?.subject).toBe(changes.subject);
    expect(parsed?.text).toMatch(/^To: ann@example\.org\n(.*\n)*Bcc: boss@example\.org$/m);
    expect(parsed?.attachments.map(({ contentType }) => contentType)).toEqual(['message/rfc822']);
    expect(parsed?.headers.get('x-rohrpost-email')).toBe(id);
  }
  await eventually(async () =>
    expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({
      archiving: { waiting: 0 },
      contentBytes: 600_000,
    }),
  );
});

test('only an administrator sets it, and only where it may lead', async () => {
  const { queue } = await setUpQueue(service, 'guard/app', smtp.port);
  const put = (archiveTo: unknown, key?: string) =>
    service.call('PATCH', `/v1/queues/${queue}`, { archiveTo }, key === undefined ? {} : { key });
  for (const url of [
    'http://archive.example/',
    'https://10.0.0.1/',
    'ftp://archive.example/',
    'https://a:b@archive.example/',
  ])
    expect(await put({ url })).toMatchObject({ status: 422, body: { errors: [{ path: '/archiveTo/url' }] } });
  for (const wrong of [
    {},
    { address: 'journal@archive.example', url: 'https://archive.example/' },
    { address: 'nobody' },
  ])
    expect(await put(wrong)).toMatchObject({ status: 422 });
  const key = async (role: string) =>
    (await service.ok<{ key: string }>('POST', '/v1/keys', { role, tenant: 'guard', name: role })).key;
  expect(await put({ url: 'https://archive.example/' }, await key('sender'))).toMatchObject({ status: 403 });
  expect(await put({ url: 'https://archive.example/' }, await key('admin'))).toMatchObject({
    status: 200,
    body: { archiveTo: { url: 'https://archive.example/' }, archiving: { waiting: 0 } },
  });
});
