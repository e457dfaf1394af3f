// Mailboxes whose servers do what none should: nothing grows without bound, nothing is lost, and nobody else waits.
import type { Socket } from 'node:net';
import { withMailbox } from '../../../apps/worker/mailboxes/open-mailbox';
import { readMailbox } from '../../../apps/worker/mailboxes/read-mailbox';
import { systemClock } from '../../../libs/runtime/clock';
import { tenantKeys } from '../../../libs/store/redis/keys';
import type { MailboxState } from '../../../libs/store/reports/mailbox-states';
import { untilState } from '../../support/emails';
import { startImapServer, type ImapServer, type ImapServerOptions } from '../../support/imap/imap-server';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { deliveryStatus } from '../../support/smtp/reports';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

const TRANSPORT = '/v1/tenants/acme/transports/default';
const PASS = 'the password';

let service: Service;
let smtp: SmtpServer;
let redis: Awaited<ReturnType<Service['redis']['connect']>>;
const servers: ImapServer[] = [];

beforeAll(async () => {
  service = await startService({ worker: { mailboxEvery: 50 } });
  smtp = await startSmtpServer();
  redis = await service.redis.connect();
  await setUpQueue(service, 'acme/app', smtp.port);
});
afterAll(async () => {
  redis.disconnect();
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
const setMailbox = (mailbox: Record<string, unknown> | null) =>
  service.call('PATCH', TRANSPORT, { returnPath: { address: 'bounce+{tag}@acme.example', mailbox } });
const mailboxAt = ({ port }: ImapServer, changes: Record<string, unknown> = {}) => ({
  host: '127.0.0.1',
  port,
  security: 'none',
  auth: { user: 'bounce@acme.example', pass: PASS },
  ...changes,
});
const read = async (server: ImapServer): Promise<void> =>
  expect((await setMailbox(mailboxAt(server))).status).toBe(200);
const state = async (): Promise<Record<string, unknown>> =>
  (await service.ok<{ mailbox: Record<string, unknown> }>('GET', `${TRANSPORT}/state`)).mailbox;
const untilMailbox = (expected: Record<string, unknown>): Promise<void> =>
  eventually(async () => expect(await state()).toMatchObject(expected));
const kept = async (): Promise<Partial<MailboxState>> =>
  JSON.parse(String(await redis.call('HGET', tenantKeys('acme').bounceMailboxes, 'default'))) as MailboxState;

const send = async (to: string): Promise<string> => {
  const { id } = await service.ok<EmailBody>('POST', '/v1/queues/acme/app/emails', anEmail({ to: [to] }));
  await untilState(service, 'acme/app', id, 'sent');
  return deliveryStatus({ to: smtp.messages.at(-1)?.from ?? '', recipient: to });
};
const suppressions = (address: string) => service.call('GET', `/v1/tenants/acme/suppressions/${address}`);

const FRESH: MailboxState = { version: 1, of: '', uidValidity: '', lastUid: 0, nextAt: 0, reports: 0 };
/** One visit without a worker. */
const visit = (server: ImapServer, deps: object = {}, signal = AbortSignal.timeout(30_000)) => {
  const mailbox = { ...mailboxAt(server), folder: 'INBOX', processed: 'seen' } as never;
  const login = { credentials: async () => ({ user: 'u', pass: PASS }), refused: async () => false };
  return withMailbox({ mayReach: () => true }, mailbox, login, signal, (client, fault) =>
    readMailbox(
      { clock: systemClock, reached: () => undefined, ...deps } as never,
      { client, fault, tenant: 'acme', mailbox },
      FRESH,
      signal,
    ),
  );
};

/** Sends the same line for as long as anybody reads. */
const flood = (socket: Socket, line: string): void => {
  const chunk = line.repeat(Math.ceil(65_536 / line.length));
  const more = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', more);
  more();
};

test.each([
  ['LIST', `* LIST () "/" "${'x'.repeat(2_000)}"\r\n`],
  ['UID SEARCH', `* SEARCH ${'4294967295 '.repeat(2_000).trim()}\r\n`],
  ['UID FETCH', `* 1 FETCH (UID 1 FLAGS (${'x'.repeat(2_000)}))\r\n`],
] as const)('a server that answers %s without end is left after a bounded number of bytes', async (name, line) => {
  const server: ImapServer = await startServer({
    instead: (command) => {
      if (command !== name) return undefined;
      for (const socket of server.open) flood(socket, line);
      return 'hang';
    },
  });
  server.deliver('Subject: x\r\n\r\n');
  let sent = 0;
  const watch = setInterval(() => {
    for (const socket of server.open) sent = Math.max(sent, socket.bytesWritten);
  }, 5);
  const keep = async () => undefined;
  await expect(visit(server, { keep })).rejects.toThrow('sent more than was asked for');
  clearInterval(watch);
  expect(sent).toBeLessThan(256 * 1024 * 1024);
  await eventually(async () => expect(server.open.size).toBe(0));
});

test('a range of numbers is written out no further than a folder is believed to be large', async () => {
  const server: ImapServer = await startServer({
    instead: (name) =>
      name === 'UID SEARCH'
        ? { answer: '* 4000000000 EXISTS\r\n* ESEARCH (TAG "x") UID ALL 1:16777216\r\n' }
        : undefined,
  });
  server.deliver('Subject: x\r\n\r\n');
  const mailbox = { ...mailboxAt(server), folder: 'INBOX', processed: 'seen' } as never;
  const login = { credentials: async () => ({ user: 'u', pass: PASS }), refused: async () => false };
  const claimed = await withMailbox(
    { mayReach: () => true },
    mailbox,
    login,
    AbortSignal.timeout(5_000),
    async (client) => {
      const { mailbox: open } = client;
      const failed = client.search({ all: true }, { uid: true }).catch(() => undefined);
      await new Promise<void>((resolve) => client.once('exists', () => resolve()));
      const count = open === false ? 0 : open.exists;
      client.close();
      await failed;
      return count;
    },
  );
  expect(claimed).toBe(100_000);
});

test('a server that ends each connection early is read to its end, and is not failing', async () => {
  let fetches = 0;
  const server = await startServer({
    instead: (name) => (name === 'UID FETCH' && ++fetches % 4 === 0 ? 'bye' : undefined),
  });
  for (let count = 0; count < 8; count++) server.deliver('Subject: a letter\r\n\r\n');
  server.deliver(await send('early@example.org'));
  await read(server);
  await untilMailbox({ reports: 1 });
  const { entries } = await service.ok<{ entries: { what: string }[] }>('GET', '/v1/audit?tenant=acme&limit=50');
  expect(entries.filter(({ what }) => what.startsWith('bounce mailbox'))).toEqual([]);
  expect((await state())['note']).toBeUndefined();
});

test('when the time of a visit is over, no message is blamed for it but one that took all of it', async () => {
  const hang = (from: number): ImapServerOptions => {
    let fetches = 0;
    return { instead: (name) => (name === 'UID FETCH' && ++fetches >= from ? 'hang' : undefined) };
  };
  for (const [from, blamed] of [
    [2, []],
    [1, [1]],
  ] as const) {
    const server = await startServer(hang(from));
    server.deliver('Subject: one\r\n\r\n');
    server.deliver('Subject: two\r\n\r\n');
    const hard: unknown[] = [];
    const reached: number[] = [];
    const deps = {
      keep: async ({ hard: at }: MailboxState) => void hard.push(at?.uid),
      reached: ({ lastUid }: MailboxState) => void reached.push(lastUid),
    };
    await expect(visit(server, deps, AbortSignal.timeout(1_000))).rejects.toThrow('closed the connection');
    expect([hard, reached]).toEqual([blamed, from === 2 ? [1] : []]);
  }
});

test('a report is put away by a later visit where the connection ended at that; after three it stays, and that is said', async () => {
  for (const [times, note] of [
    [1, undefined],
    [Infinity, expect.stringContaining('stays where it is')],
  ] as const) {
    let stores = 0;
    const server = await startServer({
      instead: (name) => (name === 'UID STORE' && ++stores <= times ? 'bye' : undefined),
    });
    const report = server.deliver(await send(`away-${times}@example.org`));
    await read(server);
    await untilMailbox({ reports: 1 });
    expect((await state())['note']).toEqual(note);
    expect([report.flags.has('\\Seen'), stores]).toEqual(note === undefined ? [true, 2] : [false, 3]);
    expect((await suppressions(`away-${times}@example.org`)).status).toBe(200);
    await setMailbox(null);
  }
});

test('whom somebody took off the list is not put there again by the same report, and is by another one', async () => {
  const server = await startServer();
  await read(server);
  const report = await send('back@example.org');
  server.deliver(report);
  await untilMailbox({ reports: 1 });
  expect((await suppressions('back@example.org')).status).toBe(200);
  await service.call('DELETE', '/v1/tenants/acme/suppressions/back@example.org');
  server.uidValidity++;
  await untilMailbox({ reports: 2 });
  expect((await suppressions('back@example.org')).status).toBe(404);
  server.deliver(await send('back@example.org'));
  await untilMailbox({ reports: 3 });
  expect((await suppressions('back@example.org')).status).toBe(200);
});

test('a server that repeats the password is quoted without it, in whatever form', async () => {
  const forms = [
    PASS,
    Buffer.from(PASS).toString('base64'),
    Buffer.from(`\0bounce@acme.example\0${PASS}`).toString('base64'),
  ];
  const server = await startServer({
    instead: (name) => (name === 'SELECT' ? { no: `[ALERT] you said ${forms.join(' and ')}` } : undefined),
  });
  await read(server);
  await untilMailbox({ failing: { words: expect.stringContaining('you said *** and') as string } });
  const { words } = (await state())['failing'] as { words: string };
  expect(forms.filter((form) => words.includes(form))).toEqual([]);
  expect(words).not.toContain(Buffer.from(`xx${PASS}`).toString('base64').slice(4, -4));
});

test('a visit that ended the process twice fails, and is tried again later', async () => {
  const server = await startServer();
  await read(server);
  await untilMailbox({ reports: 0, checkedAt: expect.any(String) as string });
  // As a process leaves it that was killed.
  await eventually(async () => {
    await redis.call(
      'HSET',
      tenantKeys('acme').bounceMailboxes,
      'default',
      JSON.stringify({ ...(await kept()), begun: 2, nextAt: 0 }),
    );
    expect(await state()).toMatchObject({ failing: { words: expect.stringContaining('ended the process') as string } });
  });
  await eventually(async () => expect((await state())['failing']).toBeUndefined());
  expect((await kept()).begun ?? 0).toBeLessThanOrEqual(1);
});

test('of a tenant that was removed during a visit nothing is left behind', async () => {
  let hangs = 0;
  const server = await startServer({
    instead: (name) => {
      if (name !== 'UID SEARCH') return undefined;
      hangs++;
      return 'hang';
    },
  });
  await service.ok('PUT', '/v1/tenants/leaving', {});
  await service.ok('PUT', '/v1/tenants/leaving/transports/default', {
    host: '127.0.0.1',
    port: smtp.port,
    security: 'none',
    returnPath: { address: 'bounce+{tag}@leaving.example', mailbox: mailboxAt(server) },
  });
  await eventually(async () => expect(hangs).toBeGreaterThan(0));
  const { status } = await service.call('DELETE', '/v1/tenants/leaving');
  expect(status).toBeLessThan(300);
  for (const socket of server.open) socket.destroy();
  // The next round begins when all visits of this one have ended.
  await read(await startServer());
  await untilMailbox({ checkedAt: expect.any(String) as string });
  expect(await redis.call('EXISTS', tenantKeys('leaving').bounceMailboxes)).toBe(0);
});

test('INBOX is one folder, however it is written', async () => {
  const server = await startServer();
  const { status } = await setMailbox(mailboxAt(server, { processed: 'move', moveTo: 'inbox' }));
  expect(status).toBe(422);
});
