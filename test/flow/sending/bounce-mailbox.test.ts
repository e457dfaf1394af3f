// Reports that come to a mailbox: one worker reads them by IMAP, and whatever else lies there stays as it was.
import { withMailbox } from '../../../apps/worker/mailboxes/open-mailbox';
import { readMailbox } from '../../../apps/worker/mailboxes/read-mailbox';
import { createAddressRule } from '../../../libs/runtime/addresses';
import { systemClock } from '../../../libs/runtime/clock';
import { untilState } from '../../support/emails';
import { readEvents } from '../../support/http/event-reader';
import { startImapServer, type ImapServer, type ImapServerOptions } from '../../support/imap/imap-server';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { deliveryStatus, outOfOffice } from '../../support/smtp/reports';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { serverCertificate, serverKey, testCa } from '../../support/smtp/tls';
import { eventually } from '../../support/wait';

const QUEUE = 'acme/app';
const STATE = '/v1/tenants/acme/transports/default/state';

let service: Service;
let smtp: SmtpServer;
const servers: ImapServer[] = [];

beforeAll(async () => {
  service = await startService({ worker: { mailboxEvery: 50 } });
  smtp = await startSmtpServer();
  await setUpQueue(service, QUEUE, smtp.port);
  await setUpQueue(service, 'other/app', smtp.port);
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});
afterEach(async () => {
  await setMailbox(null);
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const startServer = async (options?: ImapServerOptions): Promise<ImapServer> => {
  const server = await startImapServer(options);
  servers.push(server);
  return server;
};

const setMailbox = (mailbox: Record<string, unknown> | null, tenant = 'acme') =>
  service.call('PATCH', `/v1/tenants/${tenant}/transports/default`, {
    returnPath: { address: `bounce+{tag}@${tenant}.example`, mailbox },
  });
const mailboxAt = ({ port }: ImapServer, changes: Record<string, unknown> = {}) => ({
  host: '127.0.0.1',
  port,
  security: 'none',
  auth: { user: 'bounce@acme.example', pass: 'the password' },
  ...changes,
});
const read = async (server: ImapServer, changes: Record<string, unknown> = {}) => {
  const answer = await setMailbox(mailboxAt(server, changes));
  expect(answer.status).toBe(200);
};

interface MailboxView {
  checkedAt?: string;
  nextCheckAt: string;
  reports: number;
  failing?: { since: string; words: string };
  note?: string;
}
const state = async (): Promise<MailboxView> => (await service.ok<{ mailbox: MailboxView }>('GET', STATE)).mailbox;
const untilMailbox = (expected: Record<string, unknown>): Promise<void> =>
  eventually(async () => expect(await state()).toMatchObject(expected));
/** Two whole rounds later: what was to be read has been. */
const untilReadAgain = async (): Promise<void> => {
  for (let round = 0; round < 2; round++) {
    const { checkedAt } = await state();
    await eventually(async () => expect((await state()).checkedAt).not.toBe(checkedAt));
  }
};

const send = async (to: string, queue = QUEUE): Promise<{ id: string; returnPath: string }> => {
  const { id } = await service.ok<EmailBody>('POST', `/v1/queues/${queue}/emails`, anEmail({ to: [to] }));
  await untilState(service, queue, id, 'sent');
  return { id, returnPath: smtp.messages.at(-1)?.from ?? '' };
};
const bounceOf = ({ returnPath }: { returnPath: string }, recipient: string): string =>
  deliveryStatus({ to: returnPath, recipient });
const isSuppressed = async (address: string, tenant = 'acme'): Promise<boolean> =>
  (await service.call('GET', `/v1/tenants/${tenant}/suppressions/${address}`)).status === 200;
const bouncedOf = async (id: string, queue = QUEUE): Promise<unknown[]> =>
  ((await service.email(queue, id))['recipients'] as { bounced?: unknown[] } | undefined)?.bounced ?? [];

test('a report is taken, shown, told and marked; mail of people stays unseen, and is not fetched twice', async () => {
  const server = await startServer();
  const events = await readEvents(service.url, OPERATOR_KEY, { query: '?types=email.bounced' });
  await read(server);
  const email = await send('gone@example.org');
  const note = server.deliver(
    'From: Bob <bob@example.org>\r\nTo: bounce@acme.example\r\nSubject: Lunch?\r\n\r\nAt one?\r\n',
  );
  const report = server.deliver(bounceOf(email, 'gone@example.org'));
  const away = server.deliver(outOfOffice(email.returnPath));
  const other = server.deliver(bounceOf({ returnPath: `bounce+${'0'.repeat(51)}@acme.example` }, 'x@example.org'));
  await untilMailbox({ reports: 1 });
  await untilReadAgain();
  expect(report.flags).toEqual(new Set(['\\Seen']));
  for (const untouched of [note, away, other]) expect(untouched.flags.size).toBe(0);
  expect(server.commands.filter((line) => line.startsWith('UID FETCH')).length).toBe(4);
  expect(server.commands.some((line) => /BODY\[/.test(line))).toBe(false);
  expect(await bouncedOf(email.id)).toMatchObject([{ recipient: 'gone@example.org', status: '5.1.1' }]);
  expect(await isSuppressed('gone@example.org')).toBe(true);
  const [event, ...more] = await events.hears(1);
  expect([event?.body.data.id, more]).toEqual([email.id, []]);
  events.close();
  expect(await state()).toMatchObject({ reports: 1, lastReportAt: expect.any(String) as string });
});

test('tags of another tenant change nothing: whoever may write to a mailbox has only the emails of its own', async () => {
  const server = await startServer();
  await setMailbox(null, 'other');
  const email = await send('ann@example.org', 'other/app');
  await read(server);
  const report = server.deliver(bounceOf(email, 'ann@example.org'));
  await untilReadAgain();
  await untilReadAgain();
  expect(report.flags.size).toBe(0);
  expect(await bouncedOf(email.id, 'other/app')).toEqual([]);
  expect(await isSuppressed('ann@example.org', 'other')).toBe(false);
});

test('reports are deleted or moved where that is asked for, each alone; what people have marked stays', async () => {
  for (const extensions of [['UIDPLUS', 'MOVE'], []]) {
    const server = await startServer({ capabilities: extensions });
    server.folders.set('Done', []);
    const marked = server.deliver('Subject: marked by somebody\r\n\r\n', { flags: ['\\Deleted'] });
    await read(server, { processed: 'delete' });
    // Another one each time: whose mail came back is suppressed.
    const to = `a${extensions.length}@example.org`;
    server.deliver(bounceOf(await send(to), to));
    await untilMailbox({ reports: 1 });
    const left = server.folders.get('INBOX') ?? [];
    expect(left).toContain(marked);
    // Without UIDPLUS nothing can be removed alone.
    expect(left.map(({ flags }) => [...flags].sort())).toEqual(
      extensions.length > 0 ? [['\\Deleted']] : [['\\Deleted'], ['\\Deleted', '\\Seen']],
    );
    await setMailbox(null);
    await server.close();
  }
  const server = await startServer();
  server.folders.set('Done', []);
  await read(server, { processed: 'move', moveTo: 'Done' });
  server.deliver(bounceOf(await send('b@example.org'), 'b@example.org'));
  await untilMailbox({ reports: 1 });
  expect([server.folders.get('INBOX')?.length, server.folders.get('Done')?.length]).toEqual([0, 1]);
  server.folders.delete('Done');
  server.deliver(bounceOf(await send('c@example.org'), 'c@example.org'));
  await untilMailbox({ reports: 2, note: expect.stringContaining('folder of moveTo') as string });
  expect(await isSuppressed('c@example.org')).toBe(true);
});

test('a password that is refused is told in a sentence and not tried again soon; the right one is, at once', async () => {
  const server = await startServer({ check: (_, pass) => pass === 'right' });
  await read(server);
  await untilMailbox({ failing: { words: expect.stringContaining('refused the login') as string } });
  const { failing, nextCheckAt, checkedAt } = await state();
  expect(failing?.words).toContain('Invalid credentials');
  expect(failing?.words).not.toContain('the password');
  expect(Date.parse(nextCheckAt) - Date.parse(checkedAt ?? '')).toBeGreaterThanOrEqual(500);
  // Asked for by a person.
  const before = server.connections;
  expect((await service.call('POST', '/v1/tenants/acme/transports/default/mailbox/check')).status).toBe(204);
  await eventually(async () => expect(server.connections).toBe(before + 1));
  await service.ok('PATCH', '/v1/tenants/acme/transports/default', {
    returnPath: { mailbox: { auth: { pass: 'right' } } },
  });
  await eventually(async () => {
    const { entries } = await service.ok<{ entries: { what: string }[] }>('GET', '/v1/audit?tenant=acme&limit=20');
    const said = entries.map(({ what }) => what).filter((what) => what.startsWith('bounce mailbox'));
    expect(said.slice(0, 2)).toEqual(['bounce mailbox read again', expect.stringContaining('refused the login')]);
  });
  expect((await state()).failing).toBeUndefined();
});

test('a server that hangs, says BYE, or sends what nobody asked for holds nobody up, and one message not the others', async () => {
  const server = await startServer();
  await read(server);
  const hostile = server.deliver('Subject: hostile\r\n\r\n');
  server.deliver(bounceOf(await send('after@example.org'), 'after@example.org'));
  const at = (line: string): boolean =>
    line.startsWith(`FETCH ${hostile.uid} `) || line.includes(`FETCH ${hostile.uid} `);
  let sent = 0;
  server.options.instead = (name, line) => {
    if (name !== 'UID FETCH' || !at(line)) return undefined;
    sent++;
    if (sent === 1) return 'bye';
    // As if it knew no part of a message: 50 MB of it.
    return {
      answer: Buffer.concat([Buffer.from('* 1 FETCH (UID 1 BODY[] {52428800}\r\n'), Buffer.alloc(4_000_000, 'x')]),
    };
  };
  await untilMailbox({ reports: 1, note: expect.stringContaining(`UID ${hostile.uid}`) as string });
  expect(sent).toBe(3);
  expect(await isSuppressed('after@example.org')).toBe(true);
});

test('a login by OAuth2 takes the token of its own endpoint, and a refused one is replaced once', async () => {
  const { createServer } = await import('node:http');
  let issued = 0;
  const endpoint = createServer((request, response) => {
    request.resume();
    issued++;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ access_token: `token-${issued}`, token_type: 'Bearer', expires_in: 3600 }));
  });
  await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
  const { port } = endpoint.address() as { port: number };
  const own = await startService({
    worker: { mailboxEvery: 50, allowPrivate: ['127.0.0.1'] },
    api: { allowPrivate: ['127.0.0.1'] },
  });
  await setUpQueue(own, QUEUE, smtp.port);
  for (const mechanism of ['XOAUTH2', 'OAUTHBEARER']) {
    const server = await startServer({
      capabilities: [`AUTH=${mechanism}`, 'SASL-IR'],
      checkToken: (user, token) => user === 'bounce@acme.example' && token !== 'token-1',
    });
    const oauth2 = {
      tokenUrl: `http://127.0.0.1:${port}/token`,
      clientId: 'app',
      clientSecret: 'secret',
      grant: 'client_credentials',
    };
    await own.ok('PATCH', '/v1/tenants/acme/transports/default', {
      returnPath: {
        address: 'bounce+{tag}@acme.example',
        mailbox: mailboxAt(server, { auth: { user: 'bounce@acme.example', oauth2 } }),
      },
    });
    await eventually(async () => {
      const { mailbox } = await own.ok<{ mailbox: MailboxView }>('GET', STATE);
      expect(mailbox).toMatchObject({ checkedAt: expect.any(String) as string });
      expect(mailbox.failing).toBeUndefined();
    });
    const { returnPath } = await own.ok<{ returnPath: { mailbox: { auth: unknown } } }>(
      'GET',
      '/v1/tenants/acme/transports/default',
    );
    expect(returnPath.mailbox.auth).toMatchObject({ oauth2: { clientSecret: { set: true } } });
  }
  expect(issued).toBe(2);
  await own.close();
  endpoint.close();
});

test('a stored password goes nowhere else, and administrators of tenants name no address of the inside', async () => {
  const server = await startServer();
  await read(server);
  for (const moved of [
    { host: 'elsewhere.example' },
    { port: 1143 },
    { security: 'starttls' },
    { auth: { user: 'x' } },
  ]) {
    const { status, body } = await service.call('PATCH', '/v1/tenants/acme/transports/default', {
      returnPath: { mailbox: moved },
    });
    expect([status, body['code']]).toEqual([422, 'secret-needed']);
  }
  const { key } = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'admin', tenant: 'acme' });
  const asAdmin = (mailbox: Record<string, unknown>) =>
    service.call('PATCH', '/v1/tenants/acme/transports/default', { returnPath: { mailbox } }, { key });
  const auth = { user: 'u', pass: 'p' };
  const inside = await asAdmin({ host: '10.0.0.1', security: 'tls', auth });
  expect([inside.status, inside.body['code']]).toEqual([422, 'host-not-allowed']);
  expect((await asAdmin({ host: 'mail.example.org', security: 'none', auth })).body['code']).toBe('plaintext-auth');
});

test('a name is looked up when it is connected to: one that stands for an address of the inside then is not', async () => {
  const server = await startServer();
  const resolve = async () => [
    { address: '93.184.216.34', family: 4 },
    { address: '127.0.0.1', family: 4 },
  ];
  const mailbox = { ...mailboxAt(server), host: 'mail.example.org', hostBy: 'admin', folder: 'INBOX' } as never;
  const login = { credentials: async () => ({ user: 'u', pass: 'p' }), refused: async () => false };
  const visit = withMailbox(
    { mayReach: createAddressRule([]), resolve },
    mailbox,
    login,
    AbortSignal.timeout(5_000),
    async () => undefined,
  );
  await expect(visit).rejects.toThrow('mail.example.org is not on the public network');
  expect(server.connections).toBe(0);
});

test('TLS is checked, from the first byte', async () => {
  const server = await startServer({ tls: { key: serverKey, cert: serverCertificate } });
  await read(server, { host: 'localhost', security: 'tls' });
  await untilMailbox({ failing: { words: expect.stringContaining('give the authority as tls.ca') as string } });
  await read(server, { host: 'localhost', security: 'tls', tls: { ca: testCa }, auth: { user: 'u', pass: 'p' } });
  await eventually(async () => expect(await state()).toMatchObject({ checkedAt: expect.any(String) as string }));
  expect((await state()).failing).toBeUndefined();
  // STARTTLS is not given up where the server offers none.
  await read(server, { port: (await startServer()).port, security: 'starttls', auth: { user: 'u', pass: 'p' } });
  await untilMailbox({ failing: { words: expect.stringContaining('does not offer STARTTLS') as string } });
});

test('whoever hangs at any step is left in bounded time, and said to', async () => {
  for (const step of ['CAPABILITY', 'AUTHENTICATE', 'SELECT', 'UID SEARCH']) {
    const server = await startServer({ instead: (name) => (name === step ? 'hang' : undefined) });
    const bounds = { connect: 500, greeting: 500, silence: 300 };
    const mailbox = { ...mailboxAt(server), security: 'none', folder: 'INBOX', processed: 'seen' } as never;
    const login = { credentials: async () => ({ user: 'u', pass: 'p' }), refused: async () => false };
    const visit = withMailbox(
      { mayReach: () => true, bounds },
      mailbox,
      login,
      AbortSignal.timeout(5_000),
      (client, fault) =>
        readMailbox(
          { clock: systemClock } as never,
          { client, fault, tenant: 'acme', mailbox },
          { version: 1, of: '', uidValidity: '', lastUid: 0, nextAt: 0, reports: 0 },
          AbortSignal.timeout(5_000),
        ),
    );
    await expect(visit).rejects.toThrow(/did not answer in time|closed the connection/);
    await eventually(async () => expect(server.open.size).toBe(0));
  }
});

test('a second worker reads nothing while the first one does, and follows when it is gone', async () => {
  const server = await startServer();
  await service.addWorker();
  await service.addWorker();
  let most = 0;
  server.options.instead = () => {
    most = Math.max(most, server.open.size);
    return undefined;
  };
  await read(server);
  for (let round = 0; round < 5; round++) await untilReadAgain();
  expect(most).toBe(1);
});

test('a folder that was made anew is read from its beginning, and old mail is not asked for', async () => {
  const server = await startServer();
  await read(server);
  const email = await send('anew@example.org');
  server.deliver('Subject: old\r\n\r\n', { date: new Date(Date.now() - 30 * 86_400_000) });
  server.deliver(bounceOf(email, 'anew@example.org'));
  await untilMailbox({ reports: 1 });
  const events = await readEvents(service.url, OPERATOR_KEY, { query: '?types=email.bounced' });
  server.uidValidity++;
  await untilMailbox({ reports: 2 });
  expect(await bouncedOf(email.id)).toHaveLength(1);
  events.close();
  expect(server.commands.filter((line) => line.startsWith('UID FETCH 1 '))).toEqual([]);
});
