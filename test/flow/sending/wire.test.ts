// What is signed, archived and counted is what the server gets, byte for byte, whatever an email is made of.
import { createDkim } from '../../support/smtp/dkim';
import { untilState } from '../../support/emails';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type Received, type SmtpServer } from '../../support/smtp/smtp-server';
import { heldFetch } from '../../support/http/held-fetch';

const KIB = 1024;
const dkim = createDkim('acme.example', 's1');
let service: Service;
let smtp: SmtpServer;

beforeAll(async () => {
  service = await startService();
  smtp = await startSmtpServer();
  for (const tenant of ['signed', 'plain'])
    await setUpQueue(service, `${tenant}/app`, smtp.port, { archive: tenant === 'signed' });
  await service.ok('PUT', '/v1/tenants/signed/transports/default', {
    host: '127.0.0.1',
    port: smtp.port,
    security: 'none',
    dkim: dkim.settings,
  });
  for (const tenant of ['signed', 'plain'])
    await service.ok('PUT', `/v1/tenants/${tenant}/templates/breaks`, {
      subject: '<%= it.subject %>',
      text: 'a\r\nb<%= it.cr %>c\n.\n<%= it.cr %>.<%= it.cr %>',
      html: '<p>a<%= it.cr %>b<%= String.fromCharCode(0) %></p><pre>\r\n.<%= it.cr %>.\n</pre>',
    });
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});

const base64 = (bytes: string | Buffer): string => Buffer.from(bytes as string, 'latin1').toString('base64');
const file = (filename: string, bytes: string | Buffer, more: object = {}) => ({
  filename,
  content: base64(bytes),
  ...more,
});
const HEAD = 'From: Ann <ann@acme.example>\r\nTo: b@example.org\r\nSubject: raw\r\n';
const raw = (body: string, head = HEAD) => ({ raw: base64(`${head}\r\n${body}`), subject: undefined, text: undefined });

const ENDS = 'a\rb\nc\r\nd\n\re\r\r\nf\n\n\r';
const DOTS = '.\n..\n.a\r.\r\n.\n\n.';
/** Every line end at every place of a piece of 64 KiB, and dots behind them. */
const BORDERS = `${'x'.repeat(70)}\r\n.\r${'y'.repeat(50)}\n.`.repeat(8_000);
const LARGE = Buffer.alloc(600 * KIB, 'large\r\n\r.\n');
const EML = 'Subject: x\n\na\rb\n';

const SHAPES: Record<string, Record<string, unknown>> = {
  'a letter': { text: ENDS, html: `<p>${ENDS}</p>` },
  'a letter of dots': { text: DOTS, html: DOTS },
  'without an end of the last line': { text: 'a' },
  'an end of the last line without its second half': { text: 'a\r' },
  'nothing but line ends': { text: '\r\n\r\n\r', html: '' },
  'control characters': { text: 'a\x01b\x0bc\x0c\x1a\r\n', html: '<p>\x7f</p>\u2028\x85' },
  'long lines': { text: `${'x'.repeat(1_500)}\r${'ü'.repeat(1_500)}\r.` },
  'spaces at the ends of lines': { text: 'a  \r\n\t\r\n b \t \n\n' },
  'a large letter': { text: BORDERS, html: BORDERS },
  'a large letter beyond ASCII': { text: `ü${BORDERS}`, html: 'ü\r'.repeat(200 * KIB) },
  'a file': { text: 'a\rb', attachments: [file('a.txt', ENDS), file('b.bin', '\0\r\xff')] },
  'a file alone': { text: '', attachments: [file('a.txt', ENDS)] },
  'a message as a file': { text: ENDS, attachments: [file('a.eml', EML)] },
  'a message as a file, inline': {
    attachments: [file('a.eml', `${EML}\xff\0\n${'x'.repeat(1_500)}\r`, { disposition: 'inline' })],
  },
  'a large file': { text: 'a\rb', attachments: [file('a.bin', LARGE)] },
  'large files, an empty one and a picture': {
    text: DOTS,
    html: '<img src="cid:logo">\r',
    attachments: [
      file('a.bin', LARGE.subarray(1)),
      file('empty.txt', ''),
      file('b.bin', LARGE.subarray(2)),
      file('logo.png', '\x89PNG\r\n\x1a\n', { cid: 'logo' }),
    ],
  },
  'a large file alone': { text: '', attachments: [file('a.txt', LARGE)] },
  'a large message as a file': { attachments: [file('a.eml', EML.repeat(40 * KIB))] },
  'a complete message': raw(ENDS + DOTS),
  'a complete message without an end of the last line': raw('a'),
  'a complete message without a body': { raw: base64(HEAD.slice(0, -2)), subject: undefined, text: undefined },
  'a complete message with bare LF in its header': raw('a\rb', HEAD.replaceAll('\r\n', '\n')),
  'a complete message of 8 bit': raw('Gr\xc3\xbc\xc3\x9fe\rb\n', `${HEAD}Content-Type: text/plain; charset=utf-8\r\n`),
  'a large complete message': raw(BORDERS),
  'a large complete message without an end of the last line': raw(`${BORDERS}\r\nend`, `${HEAD}Message-ID: <a@b>\r\n`),
  'a template': {
    template: 'breaks',
    data: { subject: 'x', cr: '\r' },
    subject: undefined,
    text: undefined,
  },
  'headers that are folded': {
    headers: { 'X-Long': 'word '.repeat(100), 'In-Reply-To': '<a@b>', References: `<${'x'.repeat(100)}@b> <c@d>` },
    subject: 'ü '.repeat(100),
  },
};

/** Sends an email from an address of its own, to tell it by. @returns what came, and the size that was told before */
const send = async (tenant: string, from: string, body: Record<string, unknown>) => {
  const { id } = await service.ok<EmailBody>('POST', `/v1/queues/${tenant}/app/emails`, {
    ...anEmail(),
    ...body,
    from,
  });
  await untilState(service, `${tenant}/app`, id, 'sent', 20_000);
  return { id, ...arrived(from) };
};

const arrived = (from: string): { received: Received; told: number } => {
  const received = smtp.messages.findLast((message) => message.from === from);
  const command = smtp.commands.findLast((line) => line.startsWith(`MAIL FROM:<${from}>`));
  if (received === undefined) throw new Error(`nothing came from ${from}`);
  return { received, told: Number(/ SIZE=(\d+)/.exec(command ?? '')?.[1]) };
};

const archived = async (id: string): Promise<Buffer> => {
  const response = await heldFetch(`${service.url}/v1/queues/signed/app/emails/${id}/message`, {
    headers: { authorization: `Bearer ${OPERATOR_KEY}` },
  });
  return Buffer.from(await response.arrayBuffer());
};

const shapes = Object.entries(SHAPES).map(([name, body], index) => ({ name, body, index }));

test.each(shapes)('$name: signed, archived, counted and sent are the same bytes', async ({ body, index }) => {
  const { id, received, told } = await send('signed', `s${index}@acme.example`, body);
  expect(received.raw.toString('latin1')).not.toMatch(/[^\r]\n|\r[^\n]|[^\n]$/);
  expect(told).toBe(received.raw.length);
  expect((await archived(id)).equals(received.raw)).toBe(true);
  expect((await dkim.verify(received.raw)).verdict).toBe('pass');
  const again = await service.ok<EmailBody>('POST', `/v1/queues/signed/app/emails/${id}/resend`, { mode: 'as-sent' });
  await untilState(service, 'signed/app', again.id, 'sent', 20_000);
  const second = arrived(`s${index}@acme.example`);
  expect(second.received.raw.equals(received.raw)).toBe(true);
  expect(second.told).toBe(told);
});

test.each(shapes)(
  '$name: counted and sent are the same bytes without a signature and an archive',
  async ({ body, index }) => {
    const { received, told } = await send('plain', `p${index}@acme.example`, body);
    expect(told).toBe(received.raw.length);
  },
);

test('a file comes out as it was put in, at every length of its last line', async () => {
  for (const more of [0, 1, 2, 55, 56, 57, 58]) {
    const bytes = Buffer.alloc(600 * KIB - ((600 * KIB) % 57) + more, 'abc\r');
    const { received } = await send('plain', `f${more}@acme.example`, { attachments: [file('a.bin', bytes)] });
    const [attachment] = (await received.parsed()).attachments;
    expect(attachment?.content.equals(bytes)).toBe(true);
  }
});
