import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createTransport, type Transporter } from 'nodemailer';
import { createDotReader } from './dot-reader';
import { startSmtpServer, type SmtpServer, type SmtpServerOptions } from './smtp-server';
import { testCa } from './tls';
import { deferred, eventually } from './wait';

let smtp: SmtpServer;
const clients: { close(): void }[] = [];

const start = async (options: SmtpServerOptions = {}): Promise<void> => {
  smtp = await startSmtpServer(options);
};
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await smtp?.close();
});

const mailer = (options: Record<string, unknown> = {}): Transporter => {
  const transport = createTransport({ host: smtp.host, port: smtp.port, tls: { ca: testCa }, ...options });
  clients.push(transport);
  return transport;
};
const mail = { from: 'ann@example.org', to: ['bob@example.org', 'cid@example.org'], subject: 'Hello', text: 'Hi' };

/** A client that says what it likes, when it likes. */
const bareClient = async (): Promise<Socket & { heard(): string }> => {
  const socket = connect(smtp.port, smtp.host);
  const chunks: string[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk.toString())).on('error', () => undefined);
  clients.push({ close: () => socket.destroy() });
  await once(socket, 'connect');
  return Object.assign(socket, { heard: () => chunks.join('') });
};
/** The codes of the last lines of all replies. */
const codes = (heard: string): string => (heard.match(/^\d{3}(?= )/gm) ?? []).join(' ');
const heardSoon = (client: { heard(): string }, expected: string): Promise<void> =>
  eventually(() => expect(codes(client.heard())).toBe(expected));

describe('a message', () => {
  it('is kept as it was meant', async () => {
    await start();
    const raw = '.a\r\n..b\r\n.\tc\r\n\r\nend .\r\n';
    await mailer().sendMail({ envelope: mail, raw: `Subject: dots\r\n\r\n${raw}` });
    const [received] = await smtp.waitForMessages(1);
    expect(received).toMatchObject({ from: mail.from, to: mail.to, session: 1 });
    expect(received?.raw.toString()).toBe(`Subject: dots\r\n\r\n${raw}`);
    expect((await received?.parsed())?.subject).toBe('dots');
    expect(received).not.toHaveProperty('user');
  });

  it('ends at the final dot however it is cut into chunks', () => {
    const bytes = Buffer.from('a\r\n..\r\nb\r.\n\r\n...\r\n\r\n.\r\nQUIT\r\n');
    for (let size = 1; size <= bytes.length; size++) {
      const reader = createDotReader();
      let at = 0;
      let whole;
      for (; whole === undefined; at += size) whole = reader.push(bytes.subarray(at, at + size));
      expect(whole.raw.toString()).toBe('a\r\n.\r\nb\r.\n\r\n..\r\n\r\n');
      expect(Buffer.concat([whole.rest, bytes.subarray(at)]).toString()).toBe('QUIT\r\n');
    }
  });

  it('may be empty', async () => {
    await start();
    const client = await bareClient();
    client.write('EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n');
    await heardSoon(client, '220 250 250 250 354');
    client.write('.');
    client.write('\r\n');
    const [received] = await smtp.waitForMessages(1);
    expect(received?.raw.length).toBe(0);
  });

  it('loses the dots that a careless client did not double', () => {
    expect(createDotReader().push(Buffer.from('.a\r\n.b\r\n.\r\n'))?.raw.toString()).toBe('a\r\nb\r\n');
  });

  it('of 20 MB arrives whole', async () => {
    await start();
    await mailer().sendMail({ envelope: mail, raw: `${'x'.repeat(998)}\r\n`.repeat(20_000) });
    const [received] = await smtp.waitForMessages(1);
    expect(received?.raw.length).toBe(20_000_000);
  });
});

describe('a dialogue', () => {
  it('answers pipelined commands in order, also where handlers take their time', async () => {
    await start({
      script: {
        mail: () => ({ delay: 20 }),
        rcpt: async ({ recipient, messageInSession }) => {
          await new Promise((resolve) => setTimeout(resolve, 5));
          return recipient === 'bad@b' ? `550 5.1.1 not in message ${messageInSession}` : undefined;
        },
      },
    });
    const client = await bareClient();
    const one = 'MAIL FROM:<x@y>\r\nRCPT TO:<a@b>\r\nRCPT TO:<bad@b>\r\nDATA\r\nhi\r\n.\r\n';
    client.write(`EHLO me\r\n${one}${one}NOOP\r\nQUIT\r\n`);
    await once(client, 'end');
    expect(codes(client.heard())).toBe('220 250 250 250 550 354 250 250 250 550 354 250 250 221');
    expect(client.heard()).toContain('550 5.1.1 not in message 2');
    expect(smtp.messages.map(({ to, raw }) => [to, raw.toString()])).toEqual([
      [['a@b'], 'hi\r\n'],
      [['a@b'], 'hi\r\n'],
    ]);
    expect(smtp.commands).toHaveLength(11);
  });

  it('says nothing before its greeting, and minds the order of commands', async () => {
    await start({ script: { connect: () => ({ delay: 30, reply: '220 at last' }) } });
    const client = await bareClient();
    client.write('RCPT TO:<a@b>\r\nMAIL FROM:<a@b>\r\nDATA\r\nMAIL FROM:<a@b>\r\nRSET\r\nDATA\r\nWHAT\r\n');
    await heardSoon(client, '220 503 250 503 503 250 503 502');
    expect(client.heard()).toMatch(/^220 at last\r\n/);
  });

  it('offers what it has', async () => {
    await start({ tls: 'starttls', auth: { user: 'ann', pass: 'secret' } });
    const client = await bareClient();
    client.write('EHLO me\r\n');
    await heardSoon(client, '220 250');
    expect(client.heard().split('\r\n').slice(2, -1)).toEqual([
      '250-PIPELINING',
      '250-8BITMIME',
      '250-SMTPUTF8',
      '250-ENHANCEDSTATUSCODES',
      '250-SIZE 52428800',
      '250-AUTH PLAIN LOGIN',
      '250 STARTTLS',
    ]);
  });

  it('offers what it is told to', async () => {
    await start({ extensions: ['SIZE 1000'] });
    const client = await bareClient();
    client.write('EHLO me\r\n');
    await heardSoon(client, '220 250');
    expect(client.heard()).toContain('250-test.example\r\n250 SIZE 1000\r\n');
  });

  it('counts connections, and messages in them', async () => {
    const seen: number[][] = [];
    await start({
      script: {
        mail: ({ session, messageInSession, message }) => void seen.push([session, messageInSession, message]),
      },
    });
    const pool = mailer({ pool: true, maxConnections: 1 });
    await pool.sendMail(mail);
    await pool.sendMail(mail);
    expect(smtp).toMatchObject({ connections: 1, open: 1, maxOpen: 1 });
    await mailer().sendMail(mail);
    expect(seen).toEqual([
      [1, 1, 1],
      [1, 2, 2],
      [2, 1, 3],
    ]);
    expect(smtp).toMatchObject({ connections: 2, maxOpen: 2 });
    pool.close();
    await eventually(() => expect(smtp.open).toBe(0));
  });
});

describe('encryption and login', () => {
  const auth = { user: 'ann', pass: 'secret' };

  it.each([
    ['starttls' as const, 'PLAIN'],
    ['starttls' as const, 'LOGIN'],
    ['implicit' as const, 'PLAIN'],
    ['implicit' as const, 'LOGIN'],
  ])('%s and %s', async (tls, authMethod) => {
    await start({ tls, auth });
    await mailer({ secure: tls === 'implicit', requireTLS: true, auth, authMethod }).sendMail(mail);
    expect(smtp.messages[0]?.user).toBe('ann');
  });

  it('is for those who trust the authority of the tests', async () => {
    await start({ tls: 'implicit' });
    await expect(mailer({ secure: true, tls: {} }).sendMail(mail)).rejects.toThrow(/certificate/);
    await mailer({ secure: true, host: 'localhost' }).sendMail(mail);
  });

  it('refuses strangers', async () => {
    await start({ auth });
    const wrong = mailer({ auth: { user: 'ann', pass: 'guess' } });
    await expect(wrong.sendMail(mail)).rejects.toMatchObject({ code: 'EAUTH', responseCode: 535 });
    await expect(mailer().sendMail(mail)).rejects.toMatchObject({ responseCode: 530 });
    expect(smtp.messages).toEqual([]);
  });

  it('forgets what was said in the clear after STARTTLS', async () => {
    await start({ tls: 'starttls' });
    const client = await bareClient();
    client.write('EHLO me\r\nSTARTTLS\r\nMAIL FROM:<evil@example.org>\r\n');
    await heardSoon(client, '220 250 220');
    client.destroy();
    await eventually(() => expect(smtp.open).toBe(0));
    expect(smtp.commands).toEqual(['EHLO me', 'STARTTLS']);
  });

  it('closes although a handshake never came', async () => {
    await start({ tls: 'implicit' });
    await bareClient();
    await eventually(() => expect(smtp.open).toBe(1));
    await smtp.close();
    expect(smtp.open).toBe(0);
  });
});

describe('a script', () => {
  it.each(['mail', 'rcpt', 'data', 'dot'] as const)('refuses at %s', async (phase) => {
    await start({ script: { [phase]: () => '550 5.7.1 no' } });
    await expect(mailer().sendMail(mail)).rejects.toMatchObject({ responseCode: 550 });
    expect(smtp.messages).toEqual([]);
    smtp.setScript({});
    await mailer().sendMail(mail);
    expect(smtp.messages).toHaveLength(1);
  });

  const phases = ['connect', 'ehlo', 'auth', 'mail', 'rcpt', 'data', 'body', 'dot'] as const;
  const actions = ['close', 'reset', 'garbage', 'stall'] as const;
  const ways = [undefined, 'starttls', 'implicit'] as const;
  const faults = ways.flatMap((tls) => phases.flatMap((phase) => actions.map((action) => ({ tls, phase, action }))));

  it.each(faults)('$action at $phase ($tls)', async ({ tls, phase, action }) => {
    const auth = { user: 'ann', pass: 'secret' };
    await start({ ...(tls && { tls }), auth, script: { [phase]: () => ({ action }) } });
    const timeout = { socketTimeout: 300, greetingTimeout: 300 };
    await expect(mailer({ secure: tls === 'implicit', auth, ...timeout }).sendMail(mail)).rejects.toThrow();
    expect(smtp.messages).toEqual([]);
    await eventually(() => expect(smtp.open).toBe(0));
  });

  it.each(['close', 'reset'] as const)('%s before the encryption', async (action) => {
    await start({ tls: 'starttls', script: { starttls: () => ({ action }) } });
    await expect(mailer().sendMail(mail)).rejects.toThrow();
  });

  it.each([undefined, 'implicit'] as const)('breaks off with a reset (%s)', async (tls) => {
    await start({ ...(tls && { tls }), script: { dot: () => ({ action: 'reset' }) } });
    await expect(mailer({ secure: tls === 'implicit' }).sendMail(mail)).rejects.toThrow(/ECONNRESET/);
  });

  it('speaks before it closes', async () => {
    await start({ script: { mail: () => ({ action: 'close', reply: '421 4.3.2 going down' }) } });
    await expect(mailer().sendMail(mail)).rejects.toMatchObject({ responseCode: 421 });
  });

  it('keeps a message and does not say so', async () => {
    await start({ script: { dot: () => ({ action: 'close', taken: true }) } });
    await expect(mailer().sendMail(mail)).rejects.toThrow();
    expect(smtp.messages).toHaveLength(1);
  });

  it('says so and then cuts the connection', async () => {
    await start({ script: { after: () => ({ action: 'reset' }) } });
    await mailer()
      .sendMail(mail)
      .catch(() => undefined);
    expect(smtp.messages).toHaveLength(1);
    await eventually(() => expect(smtp.open).toBe(0));
  });

  it('holds a reply until the test lets go', async () => {
    const gate = deferred();
    const reached = deferred();
    await start({ script: { dot: () => (reached.resolve(), gate.promise) } });
    const sent = mailer().sendMail(mail);
    await reached.promise;
    expect(smtp.messages).toEqual([]);
    gate.resolve();
    await sent;
    expect(smtp.messages).toHaveLength(1);
  });

  it('delays a reply, and lets go when the client does', async () => {
    await start({ script: { dot: () => ({ delay: 60_000, reply: '250 slow' }) } });
    await expect(mailer({ socketTimeout: 100 }).sendMail(mail)).rejects.toThrow(/timeout/i);
    expect(smtp.messages).toHaveLength(1);
    await eventually(() => expect(smtp.open).toBe(0));
  });
});

describe('waiting', () => {
  it('says how many came', async () => {
    await start();
    await mailer().sendMail(mail);
    await expect(smtp.waitForMessages(2, 50)).rejects.toThrow('1 of 2 messages came within 50 ms');
  });

  it('is not needed for long: 5000 messages', async () => {
    await start();
    const pool = mailer({ pool: true, maxConnections: 10, maxMessages: Infinity });
    const sent = Array.from({ length: 5_000 }, () => pool.sendMail({ envelope: mail, raw: 'Subject: x\r\n\r\nx' }));
    await Promise.all([smtp.waitForMessages(5_000), ...sent]);
    expect(smtp).toMatchObject({ connections: 10, maxOpen: 10 });
  });
});
