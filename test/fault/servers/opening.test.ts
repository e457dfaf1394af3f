// How a session with a server begins: in what time, by which login, under which name, and what is said where it does not.
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import type { Phase } from '../../../libs/mail/smtp/reply';
import type { StoredTransport } from '../../../libs/mail/settings/transport';
import { createConnections, type Connections } from '../../../libs/send/smtp/connections';
import { createSendMessage } from '../../../libs/send/smtp/send-message';
import type { Message } from '../../../libs/send/message/message';
import { STEP_BOUNDS, type StepBounds } from '../../../libs/send/smtp/step-bounds';
import type { SendResult } from '../../../libs/send/smtp/transmit';
import { createSockets } from '../../../libs/store/limits/sockets';
import type { Phase as ServerPhase } from '../../support/smtp/smtp-script';
import { FULL } from '../../support/fault';
import { startSmtpServer, type SmtpServer, type SmtpServerOptions } from '../../support/smtp/smtp-server';
import {
  expiredCertificate,
  selfSignedCertificate,
  serverCertificate,
  serverKey,
  testCa,
} from '../../support/smtp/tls';
import { eventually } from '../../support/wait';

const AUTH = { user: 'acme', pass: 'pa55word-of-acme' };
const SMALL: Message = { size: 15, content: Buffer.from('Subject: x\r\n\r\nx\r\n') };
const stops: (() => Promise<unknown>)[] = [];
let connections: Connections;

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const begin = (bounds: StepBounds = STEP_BOUNDS): void => {
  connections = createConnections({ name: 'mail.test', bounds, sockets: createSockets(() => 0), mayReach: () => true });
  const mine = connections;
  stops.push(() => mine.close());
};
const start = async (options: SmtpServerOptions = {}): Promise<SmtpServer> => {
  const server = await startSmtpServer(options);
  stops.push(() => server.close());
  return server;
};
const listen = async (server: Server): Promise<number> => {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => void sockets.add(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  stops.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
};

const transportAt = (port: number, changes: Partial<StoredTransport> = {}): StoredTransport => ({
  host: '127.0.0.1',
  port,
  security: 'none',
  version: 1,
  createdAt: '',
  updatedAt: '',
  ...changes,
});

/** Sends one message; with `auth` it logs in. */
const send = (
  port: number,
  changes: Partial<StoredTransport> = {},
  { message = SMALL, bounds = {}, login = false }: { message?: Message; bounds?: StepBounds; login?: boolean } = {},
): Promise<SendResult> =>
  createSendMessage(
    connections,
    bounds,
  )({
    transport: {
      id: 'acme/default',
      transport: transportAt(port, { ...changes, ...(login && { auth: { user: AUTH.user, sealedPass: '' } }) }),
      secrets: login ? { password: AUTH.pass } : {},
    },
    envelope: { from: 'sender@example.org', to: ['ann@example.org'] },
    message,
    beforeMessage: () => Promise.resolve(),
    signal: new AbortController().signal,
  });

/** A server of few words: answers each line as it is told. */
const startTalk = (answer: (line: string) => string, greeting = '220 talk'): Promise<number> =>
  listen(
    createServer((socket) => {
      let heard = '';
      socket.write(`${greeting}\r\n`);
      socket.on('data', (chunk) => {
        const lines = (heard + chunk.toString()).split('\r\n');
        heard = lines.pop() ?? '';
        for (const line of lines) socket.write(`${answer(line)}\r\n`);
      });
    }),
  );

test('each step may take what RFC 5321 4.5.3.2 gives it', () => {
  const [second, minute] = [1_000, 60_000];
  expect(STEP_BOUNDS).toEqual({
    connect: 30 * second,
    greeting: 5 * minute,
    ehlo: 5 * minute,
    tls: 5 * minute,
    auth: 5 * minute,
    mail: 5 * minute,
    rcpt: 5 * minute,
    data: 2 * minute,
    message: 3 * minute,
    dot: 10 * minute,
  });
});

const STEPS: { at: ServerPhase; phase: Phase; tls?: 'starttls' | 'implicit' }[] = [
  { at: 'connect', phase: 'greeting' },
  { at: 'connect', phase: 'greeting', tls: 'implicit' },
  { at: 'ehlo', phase: 'ehlo' },
  { at: 'starttls', phase: 'tls', tls: 'starttls' },
  { at: 'auth', phase: 'auth' },
];
const securityOf = (tls?: 'starttls' | 'implicit'): Partial<StoredTransport> => ({
  security: tls === 'implicit' ? 'tls' : (tls ?? 'none'),
  tls: { ca: testCa },
});

test.each(STEPS)('silence at $at ($tls) is left after the bound of that step', async ({ at, phase, tls }) => {
  begin({ [phase]: 150 });
  const smtp = await start({ ...(tls && { tls }), auth: AUTH, script: { [at]: () => ({ action: 'stall' }) } });
  const result = await send(smtp.port, securityOf(tls), { login: true });
  expect(result).toMatchObject({
    kind: 'fault',
    phase,
    text: expect.stringContaining('no reply within 0.15 s') as string,
  });
});

/** ms; in full more than half a minute, which a greeting was not given once. */
const SLOW = FULL ? 40_000 : 1_000;

test.each(STEPS)('patience at $at ($tls) is of that step alone', async ({ at, phase, tls }) => {
  const others = Object.fromEntries(
    Object.keys(STEP_BOUNDS).map((step) => [step, step === phase ? 2 * SLOW : 0.9 * SLOW]),
  );
  begin(others);
  const smtp = await start({ ...(tls && { tls }), auth: AUTH, script: { [at]: () => ({ delay: SLOW }) } });
  expect(await send(smtp.port, securityOf(tls), { login: true })).toMatchObject({ kind: 'taken' });
});

test('TLS that begins late has its own time, and is not waited for as a connection', async () => {
  begin({ connect: 100, tls: 10_000 });
  const smtp = await start({ tls: 'implicit' });
  // Stands before the server, and lets nothing through for a while.
  const port = await listen(
    createServer((socket) => {
      socket.pause();
      setTimeout(() => {
        const server = connect(smtp.port, '127.0.0.1');
        server.on('error', () => undefined);
        socket.pipe(server).pipe(socket);
      }, 300);
    }),
  );
  expect(await send(port, securityOf('implicit'))).toMatchObject({ kind: 'taken' });
  begin({ connect: 50, tls: 100 });
  const silent = await listen(createServer(() => undefined));
  expect(await send(silent, securityOf('implicit'))).toMatchObject({ kind: 'fault', phase: 'tls' });
});

test('a server that takes nothing more of a message is left after the bound of a block; one that is slow is not', async () => {
  begin();
  const block = Buffer.alloc(1024 * 1024, 'x\r\n');
  async function* blocks(): AsyncGenerator<Buffer> {
    for (let count = 0; count < 32; count++) yield await Promise.resolve(block);
  }
  const message: Message = { size: 32 * block.length, content: () => Readable.from(blocks(), { objectMode: false }) };
  const port = await listen(
    createServer((socket) => {
      socket.write('220 stuck\r\n');
      socket.on('data', (chunk) => {
        const line = chunk.toString('latin1', 0, 4);
        socket.write(line === 'DATA' ? '354 go\r\n' : '250 fine\r\n');
        if (line === 'DATA') socket.pause();
      });
    }),
  );
  expect(await send(port, {}, { message, bounds: { message: 300 } })).toEqual({
    kind: 'fault',
    phase: 'message',
    text: 'took no more of it for 0.3 s',
    replies: [],
  });
});

describe('login', () => {
  const several = (code: string, text: string): string => `${code}-hello\r\n${code} ${text}`.trimEnd();
  test.each(['CRAM-MD5', 'LOGIN', 'PLAIN'])(
    '%s takes replies of several lines, and codes without words',
    async (how) => {
      for (const say of [several, (code: string, text: string) => `${code} ${text}`.trimEnd()]) {
        begin();
        const secrets: string[] = [];
        const port = await startTalk((line) => {
          if (line.startsWith('EHLO')) return `250-talk\r\n250 AUTH ${how}`;
          if (line.startsWith('AUTH PLAIN')) return say('235', '');
          if (line.startsWith('AUTH'))
            return say('334', how === 'LOGIN' ? '' : Buffer.from('<1@talk>').toString('base64'));
          if (/^(MAIL|RCPT)/.test(line)) return '250';
          if (line === 'DATA') return '354';
          if (line === '.') return '250 taken';
          if (!/^[A-Za-z0-9+/]+=*$/.test(line) || line === 'x') return '';
          secrets.push(Buffer.from(line, 'base64').toString());
          return how === 'LOGIN' && secrets.length === 1 ? say('334', '') : say('235', '');
        });
        expect(await send(port, {}, { login: true })).toMatchObject({ kind: 'taken' });
        // RFC 2195: HMAC-MD5 of the challenge.
        if (how === 'CRAM-MD5') expect(secrets).toEqual([expect.stringMatching(/^acme [0-9a-f]{32}$/)]);
        if (how === 'LOGIN') expect(secrets).toEqual([AUTH.user, AUTH.pass]);
      }
    },
  );

  test.each(['CRAM-MD5', 'LOGIN', 'PLAIN'])('%s that is refused has the words of the server', async (how) => {
    begin();
    const port = await startTalk((line) =>
      line.startsWith('EHLO')
        ? `250-talk\r\n250 AUTH ${how}`
        : /^AUTH (CRAM|LOGIN)/.test(line)
          ? '334 eA=='
          : '535 5.7.8 no',
    );
    expect(await send(port, {}, { login: true })).toMatchObject({
      kind: 'rejected',
      phase: 'auth',
      replies: [{ code: 535, text: '5.7.8 no' }],
    });
  });
});

describe('a fault of TLS is told in our words', () => {
  const withTls = (options: TlsOptions = {}): Promise<number> =>
    listen(
      createTlsServer({ key: serverKey, cert: serverCertificate, ...options }, (socket) => socket.write('220 x\r\n')),
    );

  test.each<{ what: string; server: () => Promise<number>; transport: Partial<StoredTransport>; words: RegExp }>([
    {
      what: 'no TLS on the port',
      server: async () => (await start()).port,
      transport: { security: 'tls' },
      words: /^the server does not speak TLS on port \d+: set security to starttls or none/,
    },
    {
      what: 'an authority that is not known',
      server: () => withTls(),
      transport: { security: 'tls' },
      words: /certificate is of an authority that is not known here.*tls\.ca/,
    },
    {
      what: 'the same after STARTTLS',
      server: async () => (await start({ tls: 'starttls' })).port,
      transport: { security: 'starttls' },
      words: /certificate is of an authority that is not known here.*tls\.ca/,
    },
    {
      what: 'another name',
      server: () => withTls(),
      transport: { security: 'tls', tls: { ca: testCa, servername: 'other.example' } },
      words:
        /^the server's certificate is not for other\.example \(it is for localhost.*\): set host or tls\.servername/,
    },
    {
      what: 'self-signed',
      server: () => withTls({ cert: selfSignedCertificate }),
      transport: { security: 'tls' },
      words: /certificate is self-signed.*tls\.ca/,
    },
    {
      what: 'expired',
      server: () => withTls({ cert: expiredCertificate }),
      transport: { security: 'tls', tls: { ca: expiredCertificate } },
      words: /^the server's certificate has expired/,
    },
    {
      what: 'too old',
      server: () => withTls({ maxVersion: 'TLSv1.2' }),
      transport: { security: 'tls', tls: { ca: testCa, minVersion: 'TLSv1.3' } },
      words: /no version of TLS in common; here it is at least TLSv1\.3/,
    },
    {
      what: 'no cipher in common',
      server: () => withTls({ maxVersion: 'TLSv1.2', ciphers: 'PSK-AES128-CBC-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256' }),
      transport: { security: 'tls', tls: { ca: testCa } },
      words: /no cipher in common/,
    },
    {
      what: 'an end in the middle',
      server: () => listen(createServer((socket) => socket.once('data', () => socket.destroy()))),
      transport: { security: 'tls' },
      words: /ended the connection while TLS was agreed on/,
    },
  ])('$what', async ({ server, transport, words }) => {
    begin();
    const result = await send(await server(), transport);
    expect(result).toMatchObject({ kind: 'fault', phase: 'tls', text: expect.stringMatching(words) as string });
    expect('text' in result && result.text).not.toMatch(/SSL routines|ERR_|altnames|routines|[0-9A-F]{8}:error/);
  });

  test.each([
    { what: 'not offered', options: {}, hint: /does not offer STARTTLS: set security to tls/ },
    {
      what: 'refused',
      options: { tls: 'starttls' as const, script: { starttls: () => '454 4.7.0 TLS not available' } },
      hint: /offers STARTTLS and refuses it now/,
    },
  ])('STARTTLS $what', async ({ options, hint }) => {
    begin();
    const result = await send((await start(options)).port, { security: 'starttls' });
    expect(result).toMatchObject({ kind: 'rejected', phase: 'tls', hint: expect.stringMatching(hint) as string });
  });

  test('a port for TLS at once says nothing to who waits for its greeting: the hint says why', async () => {
    begin({ greeting: 150 });
    const result = await send(await withTls(), {});
    expect(result).toMatchObject({ kind: 'fault', text: expect.stringMatching(/set security to tls/) as string });
  });
});

describe('EHLO', () => {
  test("has the installation's name, or the transport's", async () => {
    begin();
    const smtp = await start();
    await send(smtp.port);
    await send(smtp.port, { name: 'out.acme.example', version: 2 });
    expect(smtp.commands.filter((line) => line.startsWith('EHLO'))).toEqual([
      'EHLO mail.test',
      'EHLO out.acme.example',
    ]);
  });

  test.each<{ at: ServerPhase; reply: string }>([
    { at: 'ehlo', reply: '421 4.7.0 names without a dot are not served' },
    { at: 'ehlo', reply: '550 5.7.1 bad HELO' },
    { at: 'rcpt', reply: '504 5.5.2 <mail.test>: Helo command rejected: need fully-qualified hostname' },
  ])('whose name is refused at $at ($reply) says where it is set', async ({ at, reply }) => {
    begin();
    const smtp = await start({ script: { [at]: () => reply } });
    expect(await send(smtp.port)).toMatchObject({
      kind: 'rejected',
      phase: at,
      hint: expect.stringMatching(/mail\.test.*name of the transport.*ROHRPOST_NAME/) as string,
    });
  });
});

describe('SIZE', () => {
  const streamed = (size: number): Message => ({
    size,
    content: () => Readable.from([Buffer.from('Subject: x\r\n\r\nx\r\n')], { objectMode: false }),
  });
  test('what is declared is exact: a message that fits is taken, a larger one refused by its size', async () => {
    begin();
    const smtp = await start({ extensions: ['SIZE 1000'] });
    expect(await send(smtp.port, {}, { message: streamed(15) })).toMatchObject({ kind: 'taken' });
    expect(await send(smtp.port, {}, { message: streamed(1_001) })).toMatchObject({
      kind: 'rejected',
      replies: [{ code: 552 }],
    });
    expect(smtp.commands.filter((line) => line.startsWith('MAIL'))).toEqual(['MAIL FROM:<sender@example.org> SIZE=15']);
  });
});

test('a QUIT that is not answered ends by itself within seconds', async () => {
  begin();
  const smtp = await start({ script: { quit: () => ({ action: 'stall' }) } });
  await send(smtp.port);
  const asked = Date.now();
  await connections.close();
  expect(Date.now() - asked).toBeLessThan(4_000);
  await eventually(() => expect(smtp.open).toBe(0));
});

test('a server that drops a further connection without a word has enough of them', async () => {
  begin();
  const smtp = await start({
    script: {
      connect: ({ session }) => (session > 1 ? { action: 'close' } : undefined),
      dot: ({ session }) => (session === 1 ? { delay: 300 } : undefined),
    },
  });
  const first = send(smtp.port);
  await eventually(() => expect(smtp.commands).toContain('DATA'));
  expect(await send(smtp.port)).toMatchObject({ kind: 'fault', phase: 'greeting', crowded: true });
  expect(await first).toMatchObject({ kind: 'taken' });
});
