// The proxy fails in every way it promises, and in no other.
import { createTransport, type Transporter } from 'nodemailer';
import { startSmtpServer, type SmtpServer } from '../smtp/smtp-server';
import { startProxy, type TcpProxy } from './tcp-proxy';
import { deferred, eventually } from '../wait';

let smtp: SmtpServer;
let proxy: TcpProxy;
let transports: Transporter[] = [];

beforeEach(async () => {
  smtp = await startSmtpServer();
  proxy = await startProxy(smtp);
});
afterEach(async () => {
  for (const transport of transports) transport.close();
  transports = [];
  await proxy.close();
  await smtp.close();
});

const mail = { envelope: { from: 'ann@example.org', to: ['bob@example.org'] }, raw: 'Subject: x\r\n\r\nx' };
const mailer = (options: Record<string, unknown> = {}): Transporter => {
  const transport = createTransport({ host: proxy.host, port: proxy.port, ignoreTLS: true, ...options });
  transports.push(transport);
  return transport;
};

it('carries a dialogue, and a large message', async () => {
  await mailer().sendMail(mail);
  await mailer().sendMail({ ...mail, raw: `${'x'.repeat(998)}\r\n`.repeat(20_000) });
  expect(smtp.messages.map(({ raw }) => raw.length)).toEqual([17, 20_000_000]);
  expect(proxy.connections).toBe(2);
  await eventually(() => expect(smtp.open).toBe(0));
});

it('cuts what is under way', async () => {
  const reached = deferred();
  const gate = deferred();
  smtp.setScript({ dot: () => (reached.resolve(), gate.promise) });
  const sent = mailer().sendMail(mail);
  sent.catch(() => undefined);
  await reached.promise;
  proxy.cut();
  await expect(sent).rejects.toThrow();
  await eventually(() => expect(smtp.open).toBe(0));
  gate.resolve();
  await mailer().sendMail(mail);
});

it('refuses and accepts', async () => {
  const pool = mailer({ pool: true, maxConnections: 1 });
  await pool.sendMail(mail);
  proxy.refuse();
  await pool.sendMail(mail);
  await expect(mailer().sendMail(mail)).rejects.toThrow(/ECONNREFUSED/);
  await proxy.accept();
  await mailer().sendMail(mail);
  expect(smtp.messages).toHaveLength(3);
});

it('freezes and thaws', async () => {
  proxy.freeze();
  await expect(mailer({ greetingTimeout: 100 }).sendMail(mail)).rejects.toThrow(/greeting/i);
  const sent = mailer().sendMail(mail);
  sent.catch(() => undefined);
  await eventually(() => expect(proxy.connections).toBe(2));
  expect(smtp.commands).toEqual([]);
  proxy.thaw();
  await sent;
  expect(smtp.messages).toHaveLength(1);
});

it('loses the one reply that matters', async () => {
  proxy.onReply = (chunk) => (chunk.includes('2.0.0 taken') ? 'drop' : 'pass');
  await expect(mailer({ socketTimeout: 200 }).sendMail(mail)).rejects.toThrow(/timeout/i);
  expect(smtp.messages).toHaveLength(1);
  proxy.onReply = undefined;
  await mailer().sendMail(mail);
});

it.each(['onRequest', 'onReply'] as const)('cuts where %s says so', async (side) => {
  const sign = { onRequest: 'RCPT', onReply: '2.1.5' }[side];
  proxy[side] = (chunk) => (chunk.includes(sign) ? 'cut' : 'pass');
  await expect(mailer().sendMail(mail)).rejects.toThrow();
  expect(smtp.messages).toEqual([]);
  expect(smtp.commands.some((line) => line.startsWith('RCPT'))).toBe(side === 'onReply');
  await eventually(() => expect(smtp.open).toBe(0));
});

it('breaks the connection of a client whose server is away', async () => {
  await smtp.close();
  await expect(mailer().sendMail(mail)).rejects.toThrow();
});
