// Mail as the world writes it: what reaches a server is what it said it takes, and what readers read is what was given.
import { isAscii } from 'node:buffer';
import PostalMime from 'postal-mime';
import { untilState } from '../../support/emails';
import { startHttpSource } from '../../support/http/http-source';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';

let service: Service;
/** A server of today, and one that offers nothing. */
let smtp: SmtpServer;
let old: SmtpServer;
let queue: string;
let emails: string;
let oldEmails: string;
let count = 0;

beforeAll(async () => {
  service = await startService({ api: { allowPrivate: ['127.0.0.0/8'] }, worker: { allowPrivate: ['127.0.0.0/8'] } });
});
afterAll(() => service.close());
beforeEach(async () => {
  smtp = await startSmtpServer();
  old = await startSmtpServer({ extensions: [] });
  ({ queue, emails } = await setUpQueue(service, `new/app-${count}`, smtp.port));
  ({ emails: oldEmails } = await setUpQueue(service, `old/app-${count++}`, old.port));
});
afterEach(() => Promise.all([smtp.close(), old.close()]));

const post = (body: Record<string, unknown>, to = emails) => service.ok<EmailBody>('POST', to, body);
const failed = (id: string) =>
  untilState(service, oldEmails.slice('/v1/queues/'.length, -'/emails'.length), id, 'failed');
const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');

test('attached messages and archives are files: their bytes arrive, whatever the server takes', async () => {
  const contents = [
    ['original.eml', `Subject: fwd\n\ngr\xfc\xdfe\n${'x'.repeat(1_500)}\ra\0b\r\n`],
    ['page.mht', 'From: <Saved>\nMIME-Version: 1.0\nContent-Type: multipart/related; boundary=x\n\n--x\n'],
    ['backup.gzip', '\x1f\x8b\x08\0'],
    ['page.mhtml', 'MIME-Version: 1.0\n'],
  ] as const;
  const attachments = contents.map(([filename, content]) => ({ filename, content: base64(content) }));
  await post(anEmail({ attachments }), oldEmails);
  const [received] = await old.waitForMessages(1);
  const raw = received?.raw ?? Buffer.alloc(0);
  expect(isAscii(raw)).toBe(true);
  expect(raw.toString()).not.toMatch(/^content-type: (message|multipart\/(?!mixed))/im);
  const mail = await received?.parsed();
  expect(mail?.attachments.map(({ filename, content }) => [filename, content.toString('latin1')])).toEqual(contents);
  const other = await PostalMime.parse(raw);
  const others = other.attachments.map(({ filename, content }) => [
    filename,
    Buffer.from(content as ArrayBuffer).toString('latin1'),
  ]);
  expect(others).toEqual(contents);
});

test('a source that calls its document a message changes nothing; an upload is a file, too', async () => {
  const source = await startHttpSource();
  const bytes = Buffer.from('From: a@b\n\n\xfc\0', 'latin1');
  source.answer((_, response) => response.writeHead(200, { 'content-type': 'Message/RFC822 (x)' }).end(bytes));
  await service.ok('PUT', `/v1/queues/${queue}`, { from: 's@acme.example', dataSources: [source.url] });
  const { contentId } = await service.ok<{ contentId: string }>('POST', `/v1/queues/${queue}/content`, undefined, {
    raw: bytes,
    headers: { 'content-type': 'message/rfc822' },
  });
  const attachments = [
    { filename: 'a.eml', url: `${source.url}/1` },
    { filename: 'b.eml', contentId },
  ];
  await post(anEmail({ attachments }));
  const [received] = await smtp.waitForMessages(1);
  await source.close();
  const types = received?.raw.toString().match(/^Content-Type: [^;\r]*/gm);
  expect(types).toEqual([
    'Content-Type: multipart/mixed',
    'Content-Type: text/plain',
    'Content-Type: application/octet-stream',
    'Content-Type: application/octet-stream',
  ]);
  const mail = await received?.parsed();
  expect(mail?.attachments.map(({ content }) => content.equals(bytes))).toEqual([true, true]);
});

test('an address wide of ASCII in the header alone asks for SMTPUTF8, or fails with the reason', async () => {
  const wide = anEmail({ replyTo: 'jörg@bücher.example' });
  await post(wide);
  const [received] = await smtp.waitForMessages(1);
  expect(smtp.commands.find((line) => line.startsWith('MAIL'))).toMatch(/ SMTPUTF8( |$)/);
  expect(received?.raw.toString()).toContain('Reply-To: jörg@xn--bcher-kva.example\r\n');
  // The connection is kept: the next email asks for nothing.
  await post(anEmail());
  await smtp.waitForMessages(2);
  expect(smtp.commands.filter((line) => line.startsWith('MAIL'))[1]).not.toContain('SMTPUTF8');
  const email = await failed((await post(wide, oldEmails)).id);
  expect(email.reason).toMatchObject({ code: 'refused', text: expect.stringMatching(/SMTPUTF8.*replyTo/) as unknown });
  await post(anEmail({ replyTo: 'Jörg <j@bücher.example>', from: 'Größe <g@bücher.example>' }), oldEmails);
  expect(isAscii((await old.waitForMessages(1))[0]?.raw ?? Buffer.from('ü'))).toBe(true);
});

test('names, subjects, headers and file names are read as they were given', async () => {
  const lookAlike = '=?utf-8?Q?Boss_=3Cboss=40acme.example=3E?=';
  const gap = `A${' '.repeat(77)}B`;
  await post(
    anEmail({
      from: { name: lookAlike, address: 'sender@acme.example' },
      to: [{ name: gap, address: 'ann@example.org' }],
      cc: [{ name: 'plain', address: 'bob@example.org' }],
      subject: lookAlike,
      html: '<img src="cid:logo@x">',
      headers: { 'X-Note': `${'a'.repeat(60)}${' '.repeat(50)}b`, References: 'a@b.example <c@d.example>' },
      attachments: [
        { filename: 'größe 100% "x".png', cid: 'logo@x', content: 'iVBORw0KGgo=' },
        { filename: `${'ä'.repeat(100)}.pdf`, contentType: 'application/pdf; name="other.exe"', content: 'YQ==' },
      ],
    }),
    oldEmails,
  );
  const [received] = await old.waitForMessages(1);
  const text = received?.raw.toString('latin1') ?? '';
  const header = text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n');
  expect(header.filter((line) => line.trim() === '')).toEqual([]);
  expect(text).not.toMatch(/name="?=\?|other\.exe/i);
  expect(text).toContain('Content-ID: <logo@x>\r\n');
  expect(text).toContain('References: <a@b.example> <c@d.example>\r\n');
  const mail = await received?.parsed();
  expect(mail).toMatchObject({ subject: lookAlike, from: { value: [{ name: lookAlike }] } });
  expect(mail?.to).toMatchObject({ value: [{ name: gap, address: 'ann@example.org' }] });
  expect(mail?.attachments.map(({ filename }) => filename)).toEqual(['größe 100% "x".png', `${'ä'.repeat(100)}.pdf`]);
});

test('a subject that a template makes of spaces and look-alikes is folded and encoded', async () => {
  await service.ok('PUT', '/v1/tenants/old/templates/wide', { subject: '<%~ it.a %>', text: 'x' });
  const a = `x${' '.repeat(300)}=?utf-8?Q?y?= ${'z'.repeat(1_200)}`;
  await post({ to: 'ann@example.org', template: 'wide', data: { a } }, oldEmails);
  const [received] = await old.waitForMessages(1);
  expect((await received?.parsed())?.subject).toBe(a);
  for (const line of received?.raw.toString('latin1').split('\r\n') ?? []) expect(line.length).toBeLessThan(999);
});

test.each(['ann@example.org/billing', 'ann@ex%61mple.org', 'ann@0x7f.1', 'ann@123', 'ann@[127.0.0.1]'])(
  '%s is refused wherever an address is given',
  async (address) => {
    const places: [string, Record<string, unknown>][] = [
      ['/to', { to: address }],
      ['/cc/0', { cc: [`Ann <${address}>`] }],
      ['/replyTo', { replyTo: address }],
      ['/from', { from: { name: 'x', address } }],
    ];
    for (const [path, fields] of places)
      expect(await service.call('POST', emails, anEmail(fields))).toMatchObject({
        status: 422,
        body: { errors: [{ path }] },
      });
    const raw = base64(`From: ${address}\r\n\r\nx`);
    expect(await service.call('POST', emails, { to: 'a@b.example', raw })).toMatchObject({ status: 422 });
    const transport = { host: '127.0.0.1', port: 1, security: 'none', allowedFrom: [address] };
    expect(await service.call('PUT', '/v1/tenants/new/transports/other', transport)).toMatchObject({ status: 422 });
  },
);

describe('complete messages', () => {
  const send = (text: string, to = emails) =>
    post({ to: 'ann@example.org', raw: Buffer.from(text).toString('base64') }, to);

  test('a quoted sender and a commented Message-ID are legal', async () => {
    const text = 'From: "ann lee"@acme.example\r\nMessage-ID: <1@acme.example> (added by mta)\r\n\r\nx\r\n';
    const receipt = await send(text, oldEmails);
    expect(receipt['messageId']).toBe('<1@acme.example>');
    const [received] = await old.waitForMessages(1);
    expect(received).toMatchObject({ from: '"ann lee"@acme.example' });
    expect(received?.raw.toString()).toMatch(new RegExp(`${text.replace(/[()."]/g, '\\$&')}$`));
  });

  test('UTF-8 in the header goes to a server that takes it, as it was, also when it is sent again', async () => {
    const text =
      'Message-ID: <1@acme.example>\r\nDate: Sat, 28 Nov 2026 09:00:00 +0000\r\nFrom: a@acme.example\r\nSubject: Grüße\r\n\r\nx\r\n';
    await service.ok('PUT', `/v1/queues/${queue}`, { from: 's@acme.example', archive: true });
    const { id } = await send(text);
    const email = await untilState(service, queue, id, 'sent');
    expect(email['subject']).toBe('Grüße');
    await service.ok('POST', `${emails}/${id}/resend`, { mode: 'as-sent' });
    const messages = await smtp.waitForMessages(2);
    expect(messages.map(({ raw }) => raw.toString())).toEqual([text, text]);
    expect(smtp.commands.filter((line) => /^MAIL.* SMTPUTF8/.test(line))).toHaveLength(2);
    const refused = await failed((await send(text, oldEmails)).id);
    expect(refused.reason).toMatchObject({ text: expect.stringMatching(/SMTPUTF8/) as unknown });
    expect(old.messages).toEqual([]);
  });

  test('every author must be allowed, and who sends is the sender of the envelope', async () => {
    const transport = { host: '127.0.0.1', port: smtp.port, security: 'none', allowedFrom: ['@acme.example'] };
    await service.ok('PUT', '/v1/tenants/new/transports/default', transport);
    const text = (other: string) => `From: a@acme.example, ${other}\r\nSender: office@acme.example\r\n\r\nx`;
    const foreign = { to: 'ann@example.org', raw: base64(text('boss@other.example')) };
    expect(await service.call('POST', emails, foreign)).toMatchObject({
      status: 422,
      body: { code: 'from-not-allowed', errors: [{ path: '/raw' }] },
    });
    await send(text('b@acme.example'));
    expect((await smtp.waitForMessages(1))[0]?.from).toBe('office@acme.example');
  });
});
