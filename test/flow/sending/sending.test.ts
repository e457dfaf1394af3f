// The main job: what was accepted arrives, as it should, once.
import { randomBytes } from 'node:crypto';
import { untilState } from '../../support/emails';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { testCa } from '../../support/smtp/tls';
import { eventually } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;
let emails: string;
let queue: string;
let count = 0;

beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());
beforeEach(async () => {
  smtp = await startSmtpServer();
  ({ queue, emails } = await setUpQueue(service, `acme/app-${count++}`, smtp.port));
});
afterEach(() => smtp.close());

const post = (body: Record<string, unknown>) => service.ok<EmailBody>('POST', emails, body);
const ended = (id: string, state: string) => untilState(service, queue, id, state);

test('a finished email arrives with its headers, both parts and its Message-ID', async () => {
  const { id, ...receipt } = await post(
    anEmail({
      to: ['Ann Müller <ann@example.org>', 'bob@example.org'],
      cc: [{ name: 'Carl', address: 'carl@example.org' }],
      bcc: ['secret@example.org'],
      replyTo: ['help@acme.example'],
      subject: 'Rechnung für Öl',
      html: '<p>Guten <b>Tag</b></p>',
      text: undefined,
      headers: { 'X-Case': '114' },
    }),
  );
  const [received] = await smtp.waitForMessages(1);
  const mail = await received?.parsed();
  expect(received).toMatchObject({
    from: 'sender@acme.example',
    to: ['ann@example.org', 'bob@example.org', 'carl@example.org', 'secret@example.org'],
  });
  expect(mail).toMatchObject({ subject: 'Rechnung für Öl', text: 'Guten Tag', messageId: receipt['messageId'] });
  expect(mail?.html).toContain('<b>Tag</b>');
  expect(mail?.headers.get('x-case')).toBe('114');
  expect(mail?.replyTo?.text).toBe('help@acme.example');
  expect(received?.raw.toString()).not.toContain('secret@example.org');
  const email = await ended(id, 'sent');
  expect(email.attempts).toEqual([
    expect.objectContaining({
      number: 1,
      outcome: 'sent',
      transport: 'default',
      replies: [expect.objectContaining({ code: 250 })],
    }),
  ]);
});

test('a template is rendered with the version and the settings of the time of sending', async () => {
  const template = '/v1/tenants/acme/templates/invoice';
  await service.ok('PUT', template, { subject: 'Invoice <%= it.number %>', html: '<p>Old</p>' });
  const sendAt = new Date(Date.now() + 1_500).toISOString();
  await post({ to: ['ann@example.org'], template: 'invoice', data: { number: '2026-114' }, sendAt });
  await post({
    to: ['pinned@example.org'],
    template: { name: 'invoice', version: 1 },
    data: { number: '2026-115' },
    sendAt,
  });
  await service.ok('PUT', template, {
    subject: 'Invoice <%= it.number %>',
    html: '<p>New for <%= it.number %> &amp; <%= "<you>" %></p>',
  });
  await service.ok('PUT', `/v1/queues/${queue}`, { from: 'New Sender <new@acme.example>' });
  const received = await smtp.waitForMessages(2);
  const latest = received.find(({ to }) => to.includes('ann@example.org'));
  const pinned = received.find(({ to }) => to.includes('pinned@example.org'));
  expect(latest?.from).toBe('new@acme.example');
  expect(await latest?.parsed()).toMatchObject({
    subject: 'Invoice 2026-114',
    html: '<p>New for 2026-114 &amp; &lt;you&gt;</p>',
  });
  expect(await pinned?.parsed()).toMatchObject({ subject: 'Invoice 2026-115', html: '<p>Old</p>' });
});

test('a scheduled email is not early and at most a second late', async () => {
  const sendAt = Date.now() + 2_000;
  const accepted = await post(anEmail({ sendAt: new Date(sendAt).toISOString() }));
  expect(accepted.state).toBe('scheduled');
  const [received] = await smtp.waitForMessages(1);
  expect(received?.at).toBeGreaterThanOrEqual(sendAt);
  expect((received?.at ?? 0) - sendAt).toBeLessThan(1_000);
});

test('an email for ten days ahead is accepted, expires three days after that time, and waits', async () => {
  const sendAt = new Date(Date.now() + 10 * 86_400_000).toISOString();
  const { id, expiresAt } = await post(anEmail({ sendAt }));
  expect(Date.parse(expiresAt) - Date.parse(sendAt)).toBe(3 * 86_400_000);
  expect(await service.email(queue, id)).toMatchObject({ state: 'scheduled', sendAt, nextAttemptAt: sendAt });
});

test('an email whose time is over is never sent', async () => {
  await service.ok('POST', `/v1/queues/${queue}/pause`);
  const { id } = await post(anEmail({ expiresAfter: '200ms' }));
  const { id: good } = await post(anEmail({ to: ['good@example.org'] }));
  await eventually(async () =>
    expect(Date.now()).toBeGreaterThan(Date.parse((await service.email(queue, id)).expiresAt)),
  );
  await service.ok('POST', `/v1/queues/${queue}/resume`);
  await ended(good, 'sent');
  const expired = await ended(id, 'expired');
  expect(expired.reason?.code).toBe('expired');
  expect(smtp.messages.map(({ to }) => to)).toEqual([['good@example.org']]);
});

test('three attempts with growing delays, then failed, each with the words of the server', async () => {
  smtp.setScript({ dot: ({ message }) => `451 4.3.0 try number ${message} was too early` });
  const { id } = await post(anEmail({ attempts: 3, backoff: { type: 'exponential', delay: '150ms', jitter: 0 } }));
  const email = await ended(id, 'failed');
  expect(email.reason?.code).toBe('attempts-exhausted');
  expect(email.reason?.text).toContain('try number 3 was too early');
  expect(email.attempts.map(({ outcome }) => outcome)).toEqual(['deferred', 'deferred', 'deferred']);
  expect(email.attempts.map(({ replies }) => replies[0])).toEqual(
    [1, 2, 3].map((n) => ({ code: 451, enhancedCode: '4.3.0', text: `4.3.0 try number ${n} was too early` })),
  );
  const times = email.attempts.map(({ startedAt }) => Date.parse(startedAt));
  const [first = 0, second = 0] = [(times[1] ?? 0) - (times[0] ?? 0), (times[2] ?? 0) - (times[1] ?? 0)];
  expect(first).toBeGreaterThanOrEqual(150);
  expect(second).toBeGreaterThanOrEqual(300);
});

test('a permanent refusal fails at once', async () => {
  smtp.setScript({ rcpt: () => '550 5.1.1 no such user' });
  const { id } = await post(anEmail());
  const email = await ended(id, 'failed');
  expect(email.reason).toEqual({ code: 'refused', text: expect.stringContaining('550 5.1.1 no such user') as string });
  expect(email.attempts).toHaveLength(1);
  expect(email.attempts[0]?.replies).toEqual([
    { recipient: 'ann@example.org', code: 550, enhancedCode: '5.1.1', text: '5.1.1 no such user' },
  ]);
});

test('a disabled queue keeps its emails, enabled again it sends them', async () => {
  await service.ok('PUT', `/v1/queues/${queue}`, { from: 's@acme.example', enabled: false });
  const { id } = await post(anEmail());
  const { id: other } = await post(anEmail({ priority: 'high' }));
  expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ paused: true, counts: { queued: 2 } });
  await service.ok('PUT', `/v1/queues/${queue}`, { from: 's@acme.example', enabled: true });
  await ended(id, 'sent');
  await ended(other, 'sent');
  expect(smtp.messages).toHaveLength(2);
});

test('a disabled tenant keeps its emails, enabled again it sends them', async () => {
  const own = await setUpQueue(service, 'paused/app', smtp.port);
  await service.ok('PUT', '/v1/tenants/paused', { enabled: false });
  const { id } = await service.ok<EmailBody>('POST', own.emails, anEmail());
  const { id: other } = await post(anEmail());
  await ended(other, 'sent');
  expect((await service.email(own.queue, id)).state).toBe('queued');
  await service.ok('PUT', '/v1/tenants/paused', {});
  await eventually(async () => expect((await service.email(own.queue, id)).state).toBe('sent'));
});

test('two tenants with two servers never mix', async () => {
  const other = await startSmtpServer();
  const second = await setUpQueue(service, `other/app-${count}`, other.port);
  const batch = (name: string) => ({
    emails: Array.from({ length: 50 }, (_, n) => anEmail({ to: [`${name}-${n}@example.org`] })),
  });
  await Promise.all([
    service.ok('POST', `${emails}/batch`, batch('acme')),
    service.ok('POST', `${second.emails}/batch`, batch('other')),
  ]);
  await Promise.all([smtp.waitForMessages(50), other.waitForMessages(50)]);
  expect(smtp.messages.every(({ from, to }) => from === 'sender@acme.example' && to[0]?.startsWith('acme-'))).toBe(
    true,
  );
  expect(other.messages.every(({ from, to }) => from === 'sender@other.example' && to[0]?.startsWith('other-'))).toBe(
    true,
  );
  await other.close();
});

test('a changed transport takes effect within a second and without a restart', async () => {
  await post(anEmail());
  await smtp.waitForMessages(1);
  const next = await startSmtpServer();
  await service.ok('PUT', '/v1/tenants/acme/transports/default', {
    host: '127.0.0.1',
    port: next.port,
    security: 'none',
  });
  await post(anEmail({ to: ['later@example.org'] }));
  const [received] = await next.waitForMessages(1);
  expect(received?.to).toEqual(['later@example.org']);
  expect(smtp.messages).toHaveLength(1);
  await next.close();
});

test('credentials, STARTTLS and TLS: the password is sealed, the certificate is checked', async () => {
  const auth = { user: 'acme', pass: 'pa55word-of-acme' };
  for (const [tls, security] of [
    ['starttls', 'starttls'],
    ['implicit', 'tls'],
  ] as const) {
    const secure = await startSmtpServer({ tls, auth });
    const transport = `/v1/tenants/acme/transports/${security}`;
    await service.ok('PUT', transport, { host: '127.0.0.1', port: secure.port, security, auth, tls: { ca: testCa } });
    expect((await service.ok<{ auth: unknown }>('GET', transport)).auth).toEqual({ user: 'acme', pass: { set: true } });
    await post(anEmail({ transport: security }));
    expect((await secure.waitForMessages(1))[0]?.user).toBe('acme');
    expect(await service.ok('POST', `${transport}/verify`)).toMatchObject({
      ok: true,
      reply: expect.stringContaining('235') as string,
    });
    await service.ok('PUT', transport, {
      host: '127.0.0.1',
      port: secure.port,
      security,
      auth,
    });
    expect(await service.ok('POST', `${transport}/verify`)).toMatchObject({
      ok: false,
      reply: expect.stringMatching(/certificate/) as string,
    });
    await secure.close();
  }
});

test('an address wide of ASCII goes to a server that takes it, and is refused where none does', async () => {
  await post(anEmail({ to: ['jürgen@example.org'] }));
  expect((await smtp.waitForMessages(1))[0]?.to).toEqual(['jürgen@example.org']);
  const old = await startSmtpServer({ extensions: ['8BITMIME'] });
  await service.ok('PUT', '/v1/tenants/acme/transports/default', {
    host: '127.0.0.1',
    port: old.port,
    security: 'none',
  });
  const refused = await ended((await post(anEmail({ to: ['jürgen@example.org'] }))).id, 'failed');
  expect(refused.reason?.text).toContain('SMTPUTF8');
  const domain = await post(anEmail({ to: ['ann@bücher.example'] }));
  await ended(domain.id, 'sent');
  expect(old.messages.map(({ to }) => to)).toEqual([['ann@xn--bcher-kva.example']]);
  await old.close();
});

test('history kept and not kept', async () => {
  const { id: kept } = await post(anEmail());
  const { id: gone } = await post(anEmail({ history: { keep: false }, to: ['gone@example.org'] }));
  await smtp.waitForMessages(2);
  await ended(kept, 'sent');
  await eventually(async () => expect((await service.call('GET', `${emails}/${gone}`)).status).toBe(404));
  const redis = await service.redis.connect();
  expect(await redis.call('KEYS', `*${gone}*`)).toEqual([]);
  const remembered = (await redis.call('KEYS', '*:gone:*')) as string[];
  const entries = await Promise.all(remembered.map((key) => redis.call('HKEYS', key) as Promise<string[]>));
  expect(entries.flat()).toEqual([expect.stringMatching(new RegExp(`^[0-9a-v]+$`))]);
  expect(gone.endsWith(entries.flat()[0] ?? '-')).toBe(true);
  const list = await service.ok<{ emails: EmailBody[] }>('GET', `${emails}?recipient=gone@example.org`);
  expect(list.emails).toEqual([]);
  redis.disconnect();
});

test('an attachment of 20 MiB arrives whole and Redis hardly grows', async () => {
  const bytes = randomBytes(20 * 1024 * 1024);
  const redis = await service.redis.connect();
  const used = async () => Number(/used_memory:(\d+)/.exec(String(await redis.call('INFO', 'memory')))?.[1]);
  const before = await used();
  const upload = await service.ok<{ contentId: string; size: number }>(
    'POST',
    `/v1/queues/${queue}/content`,
    undefined,
    {
      raw: bytes,
      headers: { 'content-type': 'application/octet-stream' },
    },
  );
  expect(upload.size).toBe(bytes.length);
  await post(
    anEmail({
      html: '<img src="cid:dot">',
      attachments: [
        { filename: 'big.bin', contentId: upload.contentId },
        {
          filename: 'dot.gif',
          content: Buffer.from('GIF89a').toString('base64'),
          cid: 'dot',
          contentType: 'image/gif',
        },
      ],
    }),
  );
  const [received] = await smtp.waitForMessages(1, 30_000);
  const mail = await received?.parsed();
  const big = mail?.attachments.find(({ filename }) => filename === 'big.bin');
  expect(big?.content.equals(bytes)).toBe(true);
  expect(mail?.attachments.find(({ cid }) => cid === 'dot')).toMatchObject({
    contentType: 'image/gif',
    contentDisposition: 'inline',
  });
  expect((await used()) - before).toBeLessThan(1024 * 1024);
  redis.disconnect();
});

test('a large message is offered to a server whose SIZE it just fits: what is too much the server decides', async () => {
  const attachment = { filename: 'a.bin', content: Buffer.alloc(600 * 1024, 'abc').toString('base64') };
  await post(anEmail({ attachments: [attachment] }));
  const [first] = await smtp.waitForMessages(1);
  const size = first?.raw.length ?? 0;
  const exact = await startSmtpServer({ extensions: [`SIZE ${size}`] });
  await service.ok('PUT', '/v1/tenants/acme/transports/exact', {
    host: '127.0.0.1',
    port: exact.port,
    security: 'none',
  });
  await post(anEmail({ attachments: [attachment], transport: 'exact', attempts: 1 }));
  await exact.waitForMessages(1);
  await exact.close();
});

test('a template that is gone at its time fails the email with a clear reason', async () => {
  const template = '/v1/tenants/acme/templates/short-lived';
  await service.ok('PUT', template, { subject: 'Hi', text: 'Hi' });
  const { id } = await post({
    to: ['ann@example.org'],
    template: 'short-lived',
    sendAt: new Date(Date.now() + 700).toISOString(),
  });
  await service.ok('DELETE', template);
  const email = await ended(id, 'failed');
  expect(email.reason).toEqual({ code: 'template-unknown', text: expect.stringContaining('short-lived') as string });
  expect(smtp.messages).toEqual([]);
});
