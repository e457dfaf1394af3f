// Sent as it was: the archived message looked at, downloaded, sent again byte for byte; and complete messages of clients.
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { untilState } from '../../support/emails';
import { startHttpSource } from '../../support/http/http-source';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';
import { heldFetch } from '../../support/http/held-fetch';

let service: Service;
let smtp: SmtpServer;
let queue: string;
let emails: string;
let count = 0;

beforeAll(async () => {
  service = await startService({ api: { allowPrivate: ['127.0.0.0/8'] }, worker: { allowPrivate: ['127.0.0.0/8'] } });
});
afterAll(() => service.close());
beforeEach(async () => {
  smtp = await startSmtpServer();
  ({ queue, emails } = await setUpQueue(service, `acme/app-${count++}`, smtp.port));
});
afterEach(() => smtp.close());

const state = (id: string, state: string) => untilState(service, queue, id, state);
const eml = async (id: string): Promise<{ type: string | null; bytes: Buffer }> => {
  const response = await heldFetch(`${service.url}${emails}/${id}/message`, {
    headers: { authorization: `Bearer ${OPERATOR_KEY}` },
  });
  return { type: response.headers.get('content-type'), bytes: Buffer.from(await response.arrayBuffer()) };
};
const files = async (): Promise<string[]> => {
  const all = await readdir(join(service.dataDir, 'content', 'sha256'), { recursive: true, withFileTypes: true }).catch(
    () => [],
  );
  return all.filter((entry) => entry.isFile()).map(({ name }) => name);
};

describe('archived', () => {
  test('what left is shown, downloaded and sent again, byte for byte, whatever has changed since', async () => {
    await service.ok('PUT', '/v1/tenants/acme/templates/note', { subject: 'Old', html: '<p>Old <%= it.n %></p>' });
    const attachments = [{ filename: 'large.bin', content: randomBytes(900_000).toString('base64') }];
    const { id } = await service.ok<EmailBody>('POST', emails, {
      to: ['ann@example.org'],
      bcc: ['secret@example.org'],
      template: 'note',
      data: { n: 1 },
      archive: true,
      attachments,
    });
    const [first] = await smtp.waitForMessages(1);
    expect(await state(id, 'sent')).toMatchObject({ archived: true });
    await service.ok('PUT', '/v1/tenants/acme/templates/note', { subject: 'New', html: '<p>New</p>' });

    const content = await service.ok('GET', `${emails}/${id}/content`);
    expect(content).toMatchObject({
      rendered: 'sent',
      subject: 'Old',
      attachments: [{ filename: 'large.bin', size: 900_000 }],
    });
    const { type, bytes } = await eml(id);
    expect(type).toMatch(/^message\/rfc822/);
    expect(bytes.equals(first?.raw ?? Buffer.alloc(0))).toBe(true);

    const again = await service.ok<EmailBody>('POST', `${emails}/${id}/resend`, {
      mode: 'as-sent',
      to: ['new@example.org'],
    });
    await smtp.waitForMessages(2);
    expect(smtp.messages[1]).toMatchObject({ from: first?.from, to: ['new@example.org'] });
    expect(smtp.messages[1]?.raw.equals(bytes)).toBe(true);
    expect(await state(again.id, 'sent')).toMatchObject({ resentFrom: id, subject: 'Old' });
    const anew = await service.ok<EmailBody>('POST', `${emails}/${id}/resend`, { mode: 'render' });
    await smtp.waitForMessages(3);
    expect((await smtp.messages[2]?.parsed())?.subject).toBe('New');
    await state(anew.id, 'sent');

    // The message is needed until the last email that has it is gone.
    const needed = (await files()).length;
    await service.ok('DELETE', `${emails}/${id}`);
    expect((await eml(again.id)).bytes.equals(bytes)).toBe(true);
    for (const one of [again, anew]) await service.ok('DELETE', `${emails}/${one.id}`);
    expect(needed).toBeGreaterThan(0);
    await eventually(async () => expect(await files()).toEqual([]));
  });

  test('without the setting there is none, and the answer says how to get one', async () => {
    const { id } = await service.ok<EmailBody>('POST', emails, anEmail());
    await state(id, 'sent');
    const resend = await service.call('POST', `${emails}/${id}/resend`, { mode: 'as-sent' });
    expect(resend).toMatchObject({ status: 409, body: { code: 'not-archived' } });
    expect(await service.call('GET', `${emails}/${id}/message`)).toMatchObject({
      status: 409,
      body: { code: 'not-archived' },
    });
    expect(await service.ok('GET', `${emails}/${id}/content`)).toMatchObject({ rendered: 'now', text: 'Hello Ann' });
  });

  test('the message of the attempt that succeeded is kept, those of the others are not', async () => {
    await service.ok('PUT', `/v1/queues/${queue}`, {
      from: 's@acme.example',
      archive: true,
      backoff: { type: 'fixed', delay: '100ms', jitter: 0 },
    });
    let refusals = 2;
    smtp.setScript({ dot: () => (refusals-- > 0 ? '451 4.3.0 not now' : undefined) });
    const { id } = await service.ok<EmailBody>('POST', emails, anEmail());
    const [received] = await smtp.waitForMessages(1, 15_000);
    await state(id, 'sent');
    expect((await eml(id)).bytes.equals(received?.raw ?? Buffer.alloc(0))).toBe(true);
    expect((await files()).length).toBe(1);
    await service.ok('DELETE', `${emails}/${id}`);
    expect(await files()).toEqual([]);
  });

  test('what came by dataUrl is in the message: sent again as it was, its source is not asked', async () => {
    const source = await startHttpSource();
    await service.ok('PUT', `/v1/queues/${queue}`, { from: 's@acme.example', dataSources: [source.url] });
    await service.ok('PUT', '/v1/tenants/acme/templates/fetched', { subject: 'Data', text: 'x' });
    const { id } = await service.ok<EmailBody>('POST', emails, {
      to: ['ann@example.org'],
      template: 'fetched',
      dataUrl: `${source.url}/1`,
      archive: true,
    });
    await state(id, 'sent');
    await source.close();
    const again = await service.ok<EmailBody>('POST', `${emails}/${id}/resend`, { mode: 'as-sent' });
    await state(again.id, 'sent');
    expect(source.asked.length).toBe(1);
    await service.ok('DELETE', `/v1/queues/${queue}`);
  });

  test('what was sent again as it was can be sent once more in either mode', async () => {
    const { id } = await service.ok<EmailBody>('POST', emails, anEmail({ archive: true }));
    await state(id, 'sent');
    const again = await service.ok<EmailBody>('POST', `${emails}/${id}/resend`, { mode: 'as-sent' });
    await state(again.id, 'sent');
    for (const mode of ['render', 'as-sent'])
      await state((await service.ok<EmailBody>('POST', `${emails}/${again.id}/resend`, { mode })).id, 'sent');
    expect(new Set(smtp.messages.map(({ raw }) => raw.toString())).size).toBe(1);
    await service.ok('DELETE', `/v1/queues/${queue}`);
  });

  test('a queue that is deleted takes its messages along', async () => {
    const { id } = await service.ok<EmailBody>('POST', emails, anEmail({ archive: true }));
    await state(id, 'sent');
    expect((await files()).length).toBeGreaterThan(0);
    await service.ok('DELETE', `/v1/queues/${queue}`);
    expect(await files()).toEqual([]);
  });

  test('an email of which nothing is to be kept leaves no message either', async () => {
    await service.ok('POST', emails, anEmail({ archive: true, history: { keep: false } }));
    await smtp.waitForMessages(1);
    await eventually(async () => expect(await files()).toEqual([]));
  });
});

describe('a complete message of a client', () => {
  const message = (lines: string[], body = 'Hello\r\n.\r\nAnn\r\n'): string =>
    Buffer.from([...lines, '', body].join('\r\n'), 'latin1').toString('base64');
  const HEADER = ['From: Acme <billing@acme.example>', 'To: Ann <ann@example.org>', 'Subject: =?utf-8?Q?=C3=96l?='];

  test('goes out as it is, to whom the envelope says: Bcc taken out, Date and Message-ID put in', async () => {
    const raw = message([...HEADER, 'Bcc: secret@example.org,', ' other@example.org', 'X-Mine: kept']);
    const receipt = await service.ok<EmailBody>('POST', emails, {
      to: ['ann@example.org'],
      bcc: ['secret@example.org'],
      raw,
    });
    const [received] = await smtp.waitForMessages(1);
    expect(received).toMatchObject({ from: 'billing@acme.example', to: ['ann@example.org', 'secret@example.org'] });
    const text = received?.raw.toString() ?? '';
    expect(text).not.toMatch(/bcc|secret|other@/i);
    expect(text).toContain('X-Mine: kept\r\n\r\nHello\r\n.\r\nAnn\r\n');
    const mail = await received?.parsed();
    expect(mail).toMatchObject({ subject: 'Öl', messageId: receipt['messageId'] });
    expect(Math.abs((mail?.date?.getTime() ?? 0) - Date.now())).toBeLessThan(60_000);
    expect(await state(receipt.id, 'sent')).toMatchObject({ subject: 'Öl' });
    expect(await service.ok('GET', `${emails}/${receipt.id}/content`)).toMatchObject({
      subject: 'Öl',
      text: 'Hello\n.\nAnn\n',
    });
  });

  test('keeps its own Date and Message-ID; bare line ends become those of the wire; large ones are streamed', async () => {
    const own = ['Date: Mon, 2 Nov 2026 10:00:00 +0100', 'Message-ID: <mine@acme.example>'];
    const body = `${'line of a large message\n'.repeat(60_000)}\r.\rend\n`;
    const receipt = await service.ok<EmailBody>('POST', emails, {
      to: ['a@example.org'],
      raw: message([...HEADER, ...own], body),
    });
    expect(receipt['messageId']).toBe('<mine@acme.example>');
    const [received] = await smtp.waitForMessages(1);
    const text = received?.raw.toString('latin1') ?? '';
    expect(text).toBe(`${[...HEADER, ...own].join('\r\n')}\r\n\r\n${body.replace(/\r\n|\r|\n/g, '\r\n')}`);
  });

  test('with bytes beyond ASCII needs a server that takes them', async () => {
    const raw = message(
      [...HEADER, 'Content-Type: text/plain; charset=utf-8'],
      Buffer.from('Grüße\r\n').toString('latin1'),
    );
    await service.ok('POST', emails, { to: ['a@example.org'], raw });
    await smtp.waitForMessages(1);
    expect(smtp.commands.find((line) => line.startsWith('MAIL'))).toContain('BODY=8BITMIME');
    const old = await startSmtpServer({ extensions: ['PIPELINING'] });
    const second = await setUpQueue(service, `old/app-${count}`, old.port);
    const { id } = await service.ok<EmailBody>('POST', second.emails, { to: ['a@example.org'], raw });
    await eventually(async () =>
      expect(await service.email(second.queue, id)).toMatchObject({
        state: 'failed',
        reason: { code: 'refused', text: expect.stringContaining('8BITMIME') as unknown },
      }),
    );
    expect(old.messages).toEqual([]);
    await old.close();
  });

  test('is checked: what is wrong with it is said, and nothing is accepted', async () => {
    const bad: [string, unknown][] = [
      ['no From', message(['To: a@example.org'])],
      ['two senders', message(['From: a@acme.example, b@acme.example'])],
      ['two From', message(['From: a@acme.example', 'From: b@acme.example'])],
      ['a group', message(['From: G: a@acme.example;'])],
      ['no header line', message(['From: a@acme.example', 'this is no field'])],
      ['raw 8 bit in the header', message(['From: a@acme.example', 'Subject: \xd6l'])],
      ['a long line', message(HEADER, 'x'.repeat(999))],
      ['NUL', message(HEADER, 'a\0b')],
      ['a bad Message-ID', message([...HEADER, 'Message-ID: <a b>'])],
      ['no base64', 'From: a@acme.example'],
      ['unknown content', { contentId: `sha256-${'0'.repeat(64)}` }],
    ];
    for (const [what, raw] of bad) {
      const { status, body } = await service.call<{ errors: { path: string }[] }>('POST', emails, {
        to: ['a@example.org'],
        raw,
      });
      expect({ what, status }).toEqual({ what, status: 422 });
      expect(body.errors[0]?.path).toMatch(/^\/raw/);
    }
    for (const [name, value] of Object.entries({ subject: 'x', dataUrl: 'https://erp.acme.example/1' })) {
      const body = { to: ['a@example.org'], raw: message(HEADER), [name]: value };
      const beside = await service.call('POST', emails, body);
      expect(beside).toMatchObject({ status: 422, body: { errors: [{ path: `/${name}` }] } });
    }
    await service.ok('PUT', '/v1/tenants/acme/transports/default', {
      host: '127.0.0.1',
      port: smtp.port,
      security: 'none',
      allowedFrom: ['@acme.example'],
    });
    const foreign = message(['From: boss@other.example']);
    const answer = await service.call('POST', emails, { to: ['a@example.org'], from: 'x@acme.example', raw: foreign });
    expect(answer).toMatchObject({ status: 422, body: { code: 'from-not-allowed', errors: [{ path: '/raw' }] } });
    expect(smtp.messages).toEqual([]);
  });

  test('can be uploaded, corrected and replaced by other content', async () => {
    const bytes = Buffer.from([...HEADER, '', 'uploaded'].join('\r\n'));
    const uploaded = await service.call<{ contentId: string }>('POST', `/v1/queues/${queue}/content`, undefined, {
      raw: bytes,
      headers: { 'content-type': 'application/octet-stream' },
    });
    const { contentId } = uploaded.body;
    const sendAt = new Date(Date.now() + 3_600_000).toISOString();
    const { id } = await service.ok<EmailBody>('POST', emails, { to: ['a@example.org'], raw: { contentId }, sendAt });
    await service.ok('PATCH', `${emails}/${id}`, { to: ['b@example.org'] });
    expect(await service.email(queue, id)).toMatchObject({ subject: 'Öl', to: ['b@example.org'] });
    await service.ok('PATCH', `${emails}/${id}`, {
      raw: message(['From: a@acme.example', 'Subject: other']),
      sendAt: null,
    });
    const [received] = await smtp.waitForMessages(1);
    expect(received?.raw.toString()).toContain('Subject: other');
    await state(id, 'sent');
  });
});
