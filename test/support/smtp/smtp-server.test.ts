// The scripted SMTP server speaks like a real one, takes what it should and refuses the rest.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { createTransport, type Transporter } from 'nodemailer';
import { startSmtpServer, type SmtpServer, type SmtpServerOptions } from './smtp-server';
import { testCa } from './tls';
import { eventually } from '../wait';

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
          await pause(5);
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

describe('waiting', () => {
  it('says what came', async () => {
    await start();
    await mailer().sendMail(mail);
    await expect(smtp.waitForMessages(2, 50)).rejects.toThrow(
      '1 of 2 messages came within 50 ms\n  ann@example.org -> bob@example.org, cid@example.org',
    );
  });

  it('is not needed for long: 2000 messages', async () => {
    await start();
    const pool = mailer({ pool: true, maxConnections: 10, maxMessages: Infinity });
    const sent = Array.from({ length: 2_000 }, () => pool.sendMail({ envelope: mail, raw: 'Subject: x\r\n\r\nx' }));
    await Promise.all([smtp.waitForMessages(2_000), ...sent]);
    expect(smtp).toMatchObject({ connections: 10, maxOpen: 10 });
  });
});
