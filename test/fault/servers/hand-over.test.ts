// Where a dialogue broke off, what had been said until then, how long a server may take, and what its connection is worth.
import { Readable } from 'node:stream';
import { createServer, type AddressInfo, type Server } from 'node:net';
import type { Phase as ServerPhase } from '../../support/smtp/smtp-script';
import { outcomeOf } from '../../../apps/worker/attempt/classify';
import { startSmtpServer, type SmtpServer, type SmtpServerOptions } from '../../support/smtp/smtp-server';
import type { Phase } from '../../../libs/mail/smtp/reply';
import { createConnections, type Connections } from '../../../libs/send/smtp/connections';
import { createSendMessage } from '../../../libs/send/smtp/send-message';
import { STEP_BOUNDS, type StepBounds } from '../../../libs/send/smtp/step-bounds';
import type { Answered } from '../../../libs/send/smtp/server-answer';
import type { SendRequest } from '../../../libs/send/smtp/transmit';
import { createSockets } from '../../../libs/store/limits/sockets';

const [ANN, BOB] = ['ann@example.org', 'bob@example.org'];
const PLAIN = ['8BITMIME'];
/** Only the step in question is bounded: a busy machine is no silent server. */
const soon = (phase: Phase): StepBounds => ({ [phase]: 150 });

let smtp: SmtpServer;
let connections: Connections;

const start = async (options: SmtpServerOptions = {}, bounds: StepBounds = STEP_BOUNDS): Promise<SmtpServer> => {
  connections = createConnections({ name: 'mail.test', bounds, sockets: createSockets(() => 0), mayReach: () => true });
  return (smtp = await startSmtpServer(options));
};
afterEach(async () => {
  await connections.close();
  await smtp.close();
});

const workFor = (port: number, changes: Partial<SendRequest> = {}): SendRequest => {
  const bytes = Buffer.from('Subject: x\r\n\r\nx\r\n');
  return {
    transport: { id: 'acme/default', transport: transportAt(port), secrets: {} },
    envelope: { from: 'sender@example.org', to: [ANN, BOB] },
    message: { size: bytes.length, content: bytes },
    beforeMessage: () => Promise.resolve(),
    signal: new AbortController().signal,
    ...changes,
  };
};
const transportAt = (port: number): SendRequest['transport']['transport'] => ({
  host: '127.0.0.1',
  port,
  security: 'none',
  version: 1,
  createdAt: '',
  updatedAt: '',
});

const handOver = async (bounds: StepBounds = STEP_BOUNDS, changes?: Partial<SendRequest>): Promise<Answered> => {
  const result = await createSendMessage(connections, bounds)(workFor(smtp.port, changes));
  if (result.kind === 'postponed') throw new Error(`no server was asked: ${result.text}`);
  return result;
};
const inFirst =
  (step: object) =>
  ({ session }: { session: number }) =>
    session === 1 ? step : undefined;

describe.each([
  { how: 'all commands at once', extensions: undefined },
  { how: 'one command at a time', extensions: PLAIN },
])('$how', ({ extensions }) => {
  const options = { ...(extensions && { extensions }) };

  test.each<{ at: ServerPhase; phase: Phase }>([
    { at: 'mail', phase: 'mail' },
    { at: 'rcpt', phase: 'rcpt' },
    { at: 'data', phase: 'data' },
    { at: 'dot', phase: 'dot' },
  ])('silence at $at is left after its bound', async ({ at, phase }) => {
    await start({ ...options, script: { [at]: () => ({ action: 'stall' }) } });
    expect(await handOver(soon(phase))).toEqual({ kind: 'fault', phase, text: 'no reply within 0.15 s', replies: [] });
  });

  test.each<{ at: ServerPhase; phase: Phase }>([
    { at: 'connect', phase: 'greeting' },
    { at: 'ehlo', phase: 'ehlo' },
    { at: 'mail', phase: 'mail' },
    { at: 'rcpt', phase: 'rcpt' },
    { at: 'data', phase: 'data' },
    { at: 'dot', phase: 'dot' },
  ])('a connection lost at $at says so', async ({ at, phase }) => {
    await start({ ...options, script: { [at]: () => ({ action: 'close' }) } });
    expect(await handOver()).toMatchObject({ kind: 'fault', phase });
  });

  test('a message that cannot be read to its end never gets one, and the server is not blamed', async () => {
    await start(options);
    async function* broken(): AsyncGenerator<Buffer> {
      yield Buffer.from('Subject: x\r\n\r\nhalf of it');
      throw new Error('the bucket is gone');
    }
    const message = { size: 100, content: () => Readable.from(broken(), { objectMode: false }) };
    const result = await handOver({}, { message });
    expect(result).toMatchObject({ kind: 'stopped', phase: 'message', error: { name: 'MessageUnreadable' } });
    expect(outcomeOf(result, [ANN, BOB], { accepted: [], refused: [] })).toEqual({
      kind: 'deferred',
      text: 'its content could not be read: the bucket is gone',
      replies: [],
    });
    expect(smtp.messages).toEqual([]);
  });

  test('each reply has its own time: many recipients may take longer than one may', async () => {
    await start({ ...options, script: { rcpt: () => ({ delay: 150 }) } });
    const to = Array.from({ length: 6 }, (_, n) => `r${n}@example.org`);
    const work = { envelope: { from: 'sender@example.org', to } };
    expect(await handOver({ rcpt: 800, data: 800 }, work)).toMatchObject({ kind: 'taken', rejected: [] });
  });

  test('a sender that was refused stays refused when the server goes then', async () => {
    await start({ ...options, script: { mail: () => ({ reply: '554 5.7.1 not you', action: 'close' }) } });
    const replies = [{ code: 554, enhancedCode: '5.7.1', text: '5.7.1 not you' }];
    expect(await handOver()).toEqual({ kind: 'rejected', phase: 'mail', replies });
  });

  test('recipients that were refused are named when the server goes before it has answered for all', async () => {
    await start({
      ...options,
      script: {
        rcpt: ({ recipient }) => (recipient === ANN ? '550 5.1.1 no such user' : { action: 'close' }),
      },
    });
    const replies = [{ recipient: ANN, code: 550, enhancedCode: '5.1.1', text: '5.1.1 no such user' }];
    expect(await handOver()).toMatchObject({ kind: 'fault', phase: 'rcpt', replies });
  });

  test('refused one by one, the last one with a farewell: each keeps its own words', async () => {
    await start({
      ...options,
      script: {
        rcpt: ({ recipient }) =>
          recipient === ANN ? '550 5.1.1 no such user' : { reply: '450 4.2.1 busy', action: 'close' },
      },
    });
    const result = await handOver();
    expect(result).toMatchObject({
      kind: 'rejected',
      phase: 'rcpt',
      replies: [
        { recipient: ANN, code: 550 },
        { recipient: BOB, code: 450 },
      ],
    });
  });

  test('a refusal after the message leaves the session as it is: the next message goes over it', async () => {
    await start({ ...options, script: { dot: ({ message }) => (message === 1 ? '554 5.7.1 spam' : undefined) } });
    expect(await handOver()).toMatchObject({ kind: 'rejected', phase: 'dot' });
    expect(await handOver()).toMatchObject({ kind: 'taken' });
    expect(smtp.connections).toBe(1);
    expect(smtp.messages).toHaveLength(1);
  });

  test('a refusal in the middle of a message ends the session: the rest of it may be read as commands', async () => {
    const large = Buffer.alloc(6 * 1024 * 1024, 'large');
    await start({ ...options, script: { body: ({ message }) => (message === 1 ? '552 5.3.4 too much' : undefined) } });
    expect(await handOver(undefined, { message: { size: large.length, content: large } })).toMatchObject({
      kind: 'rejected',
      replies: [{ code: 552 }],
    });
    expect(await handOver()).toMatchObject({ kind: 'taken' });
    expect(smtp.connections).toBe(2);
  });

  describe('a connection that had lain idle', () => {
    test.each([
      { what: 'is closed', step: { action: 'close' } },
      { what: 'is reset', step: { action: 'reset' } },
      { what: 'says that it closes', step: { reply: '421 4.4.2 idle for too long', action: 'close' } },
    ])('$what at the first command: the message goes over a fresh one', async ({ step }) => {
      await start({
        ...options,
        script: { mail: ({ messageInSession }) => (messageInSession === 2 ? step : undefined) as never },
      });
      expect(await handOver()).toMatchObject({ kind: 'taken' });
      expect(await handOver()).toMatchObject({ kind: 'taken' });
      expect(smtp.connections).toBe(2);
      expect(smtp.messages).toHaveLength(2);
    });
  });

  test('a fresh connection that says nothing is not tried twice', async () => {
    await start({ ...options, script: { mail: inFirst({ action: 'close' }) } });
    expect(await handOver()).toMatchObject({ kind: 'fault', phase: 'mail' });
    expect(smtp.connections).toBe(1);
  });
});

describe('given up', () => {
  test.each<{ at: ServerPhase; phase: Phase; kind: Answered['kind'] }>([
    { at: 'ehlo', phase: 'ehlo', kind: 'stopped' },
    { at: 'mail', phase: 'mail', kind: 'stopped' },
    { at: 'data', phase: 'data', kind: 'stopped' },
    { at: 'dot', phase: 'dot', kind: 'fault' },
  ])('at $at it is $kind', async ({ at, phase, kind }) => {
    const given = new AbortController();
    // One command at a time: where the server is, the client is too.
    await start({
      extensions: PLAIN,
      script: { [at]: () => (setImmediate(() => given.abort('took-too-long')), { action: 'stall' }) },
    });
    expect(await handOver({}, { signal: given.signal })).toMatchObject({ kind, phase });
  });
});

/** Says a reply byte by byte, and never its end. */
const startTrickle = async (at: RegExp): Promise<Server> => {
  const server = createServer((socket) => {
    let timer: NodeJS.Timeout | undefined;
    socket.on('error', () => undefined).on('close', () => clearInterval(timer));
    socket.write('220 trickle\r\n');
    socket.on('data', (chunk) => {
      if (!at.test(chunk.toString())) return void socket.write('250 fine\r\n');
      socket.write('250-');
      timer = setInterval(() => socket.write('.'), 10);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return server;
};

test.each<{ at: RegExp; phase: Phase }>([
  { at: /^MAIL/, phase: 'mail' },
  { at: /^RCPT/, phase: 'rcpt' },
  { at: /^DATA/, phase: 'data' },
])('a server that trickles its reply at $phase has no more time than a silent one', async ({ at, phase }) => {
  await start();
  const server = await startTrickle(at);
  const work = workFor((server.address() as AddressInfo).port);
  expect(await createSendMessage(connections, soon(phase))(work)).toMatchObject({ kind: 'fault', phase });
  server.close();
});
