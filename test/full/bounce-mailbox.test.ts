// A mailbox at a real IMAP server: reports are taken by real workers, also by one that is killed in the middle of them.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { untilState } from '../support/emails';
import { readEvents } from '../support/http/event-reader';
import { MAILBOX, startDovecot, type Dovecot } from '../support/imap/dovecot';
import { serviceEnv, startProcess, type ServiceProcess } from '../support/processes/process';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../support/service';
import { deliveryStatus } from '../support/smtp/reports';
import { startSmtpServer, type SmtpServer } from '../support/smtp/smtp-server';
import { eventually } from '../support/wait';

const QUEUE = 'acme/app';
const COUNT = 40;

let service: Service;
let smtp: SmtpServer;
let tokens: Server;
let dovecot: Dovecot;
let tokenUrl: string;
const good = new Set<string>();

beforeAll(async () => {
  // Issues tokens at /token, and says at /info whose they are.
  tokens = createServer((request, response) => {
    request.resume();
    const [, about = ''] = /^\/info\?token=(.*)$/.exec(request.url ?? '') ?? [];
    const isIssue = request.url === '/token';
    const token = `token-${good.size + 1}`;
    if (isIssue) good.add(token);
    const isGood = isIssue || good.has(about);
    response.writeHead(isGood ? 200 : 401, { 'content-type': 'application/json' });
    const issued = { access_token: token, token_type: 'Bearer', expires_in: 3_600 };
    response.end(JSON.stringify(isIssue ? issued : isGood ? { email: MAILBOX.user } : { error: 'invalid_token' }));
  });
  await new Promise<void>((resolve) => tokens.listen(0, '127.0.0.1', resolve));
  const { port } = tokens.address() as AddressInfo;
  tokenUrl = `http://127.0.0.1:${port}/token`;
  dovecot = await startDovecot(`http://127.0.0.1:${port}/info?token=`);
  smtp = await startSmtpServer();
  service = await startService({ workers: 0, api: { allowPrivate: ['127.0.0.1'] } });
  await setUpQueue(service, QUEUE, smtp.port);
});
afterAll(async () => {
  await service.close();
  await smtp.close();
  await dovecot.stop();
  tokens.close();
});

const startWorker = (): Promise<ServiceProcess> =>
  startProcess('worker', {
    ...serviceEnv(service.redis.url, service.dataDir),
    ROHRPOST_BOUNCE_MAILBOX_EVERY: '1s',
    ROHRPOST_ALLOW_PRIVATE_HOSTS: '127.0.0.1',
  });
const setMailbox = (changes: Record<string, unknown> = {}) =>
  service.ok('PATCH', '/v1/tenants/acme/transports/default', {
    returnPath: {
      address: 'bounce+{tag}@acme.example',
      mailbox: { host: '127.0.0.1', port: dovecot.port, security: 'none', auth: MAILBOX, ...changes },
    },
  });
const reports = async (): Promise<number> =>
  (await service.ok<{ mailbox: { reports: number } }>('GET', '/v1/tenants/acme/transports/default/state')).mailbox
    .reports;

const send = async (to: string): Promise<{ id: string; to: string; returnPath: string }> => {
  const { id } = await service.ok<EmailBody>('POST', `/v1/queues/${QUEUE}/emails`, anEmail({ to: [to] }));
  await untilState(service, QUEUE, id, 'sent');
  return { id, to, returnPath: smtp.messages.find(({ to: [first] }) => first === to)?.from ?? '' };
};

test('a worker that is killed among reports is followed: each is taken, told and suppressed once, and letters stay unseen', async () => {
  await setMailbox({ processed: 'move', moveTo: 'Done' });
  await service.ok('PATCH', '/v1/tenants/acme/transports/default', { returnPath: { mailbox: null } });
  const events = await readEvents(service.url, OPERATOR_KEY, { query: '?types=email.bounced' });
  let worker = await startWorker();
  const sent: Awaited<ReturnType<typeof send>>[] = [];
  for (let index = 0; index < COUNT; index++) sent.push(await send(`gone-${index}@example.org`));
  await dovecot.asPerson(async (client) => {
    for (const { to, returnPath } of sent) {
      await client.append('INBOX', `Subject: a letter to people\r\n\r\nabout ${to}\r\n`);
      await client.append('INBOX', deliveryStatus({ to: returnPath, recipient: to }));
    }
  });
  await setMailbox({ processed: 'move', moveTo: 'Done' });
  // Killed wherever it is, three times; who follows has to wait for the lease.
  for (const at of [3, 12, 20]) {
    await eventually(async () => expect(await reports()).toBeGreaterThanOrEqual(at), { timeout: 60_000, every: 2 });
    await worker.end('SIGKILL');
    expect(await reports()).toBeLessThan(COUNT);
    worker = await startWorker();
  }
  const names = async (folder: string) =>
    dovecot.asPerson(async (client) => {
      await client.mailboxOpen(folder);
      return client.search({ all: true }, { uid: true });
    });
  await eventually(async () => expect(await names('Done')).toHaveLength(COUNT), { timeout: 60_000 });
  await dovecot.asPerson(async (client) => {
    expect(await client.search({ all: true }, { uid: true })).toHaveLength(COUNT);
    expect(await client.search({ seen: true }, { uid: true })).toEqual([]);
  });
  for (const { id, to } of sent) {
    const { recipients } = await service.email(QUEUE, id);
    expect(recipients).toMatchObject({ bounced: [{ recipient: to }] });
    expect((await service.call('GET', `/v1/tenants/acme/suppressions/${to}`)).status).toBe(200);
  }
  const told = await events.hears(COUNT);
  expect(new Set(told.map(({ body }) => body.data.id)).size).toBe(COUNT);
  expect(told).toHaveLength(COUNT);
  events.close();
  expect(await worker.end('SIGTERM')).toBe(0);
}, 240_000);

test.each(['XOAUTH2 or OAUTHBEARER, as the server offers both'])(
  'a login by OAuth2: %s',
  async () => {
    const oauth2 = { tokenUrl, clientId: 'app', clientSecret: 'secret', grant: 'client_credentials' };
    await setMailbox({ auth: { user: MAILBOX.user, oauth2, pass: null }, processed: 'delete', moveTo: null });
    const worker = await startWorker();
    const { to, returnPath } = await send('token@example.org');
    await dovecot.asPerson((client) => client.append('INBOX', deliveryStatus({ to: returnPath, recipient: to })));
    await eventually(
      async () => expect((await service.call('GET', `/v1/tenants/acme/suppressions/${to}`)).status).toBe(200),
      { timeout: 60_000 },
    );
    expect(good.size).toBe(1);
    expect(await worker.end('SIGTERM')).toBe(0);
  },
  120_000,
);
