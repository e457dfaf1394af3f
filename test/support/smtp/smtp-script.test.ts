// Every fault that a script can ask for happens, at every phase, in the clear and encrypted.
import { createTransport, type Transporter } from 'nodemailer';
import { startSmtpServer, type SmtpServer, type SmtpServerOptions } from './smtp-server';
import { testCa } from './tls';
import { deferred, eventually } from '../wait';

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
  let reached = false;
  await start({ ...(tls && { tls }), auth, script: { [phase]: () => ((reached = true), { action }) } });
  // Only silence has to be waited for.
  const timeout = action === 'stall' ? { socketTimeout: 200, greetingTimeout: 200 } : {};
  await expect(mailer({ secure: tls === 'implicit', auth, ...timeout }).sendMail(mail)).rejects.toThrow();
  expect(reached).toBe(true);
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
