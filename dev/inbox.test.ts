// The development inbox: what a mail program hands in can be read on the page and by scripts, and can harm nobody.
import { createTransport, type Transporter } from 'nodemailer';
import { startInbox, type Inbox } from './inbox';

let inbox: Inbox;
let transport: Transporter;
const get = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${inbox.httpPort}${path}`);

beforeEach(async () => {
  inbox = await startInbox({ smtpPort: 0, httpPort: 0 });
  transport = createTransport({ host: '127.0.0.1', port: inbox.smtpPort, auth: { user: 'anybody', pass: 'anything' } });
});
afterEach(async () => {
  transport.close();
  await inbox.close();
});

const send = (more: object = {}): Promise<unknown> =>
  transport.sendMail({
    from: 'Demo <demo@rohrpost.example>',
    to: 'Ann <ann@rohrpost.example>',
    subject: 'Hallo',
    ...more,
  });

test('lists the newest first, for scripts and for people', async () => {
  await send({ subject: 'Grüße', messageId: '<one@rohrpost.example>', bcc: 'hidden@rohrpost.example', text: 'a' });
  await send({ subject: 'second', text: 'b' });
  const list = (await (await get('/messages.json')).json()) as Record<string, unknown>[];
  expect(list.map(({ subject }) => subject)).toEqual(['second', 'Grüße']);
  expect(list[1]).toMatchObject({
    from: 'Demo <demo@rohrpost.example>',
    to: ['Ann <ann@rohrpost.example>'],
    messageId: '<one@rohrpost.example>',
    envelope: { from: 'demo@rohrpost.example', to: ['ann@rohrpost.example', 'hidden@rohrpost.example'] },
  });
  const page = await (await get('/')).text();
  expect(page.indexOf('second')).toBeLessThan(page.indexOf('Grüße'));
});

test('gives a mail with its parts, its source byte for byte', async () => {
  const content = Buffer.from([0, 1, 2, 255]);
  await send({ text: 'plain', html: '<b>rich</b>', attachments: [{ filename: 'ä"b.bin', content }] });
  const letter = (await (await get('/messages/1.json')).json()) as Record<string, unknown>;
  expect(letter).toMatchObject({ text: expect.stringContaining('plain') as string, html: '<b>rich</b>' });
  expect(letter['attachments']).toMatchObject([{ filename: 'ä"b.bin', size: 4, url: '/messages/1/attachments/0' }]);
  const file = await get('/messages/1/attachments/0');
  expect(Buffer.from(await file.arrayBuffer())).toEqual(content);
  expect(file.headers.get('content-disposition')).toBe("attachment; filename*=UTF-8''%C3%A4%22b.bin");
  expect(file.headers.get('content-type')).toBe('application/octet-stream');
  expect(await (await get('/messages/1/raw')).text()).toBe(inbox.mailbox.raw('1')?.toString('utf8'));
});

test('a hostile mail stays text, and its html is shut in', async () => {
  const evil = '<script>alert(1)</script>';
  await send({
    from: `"${evil}" <x@rohrpost.example>`,
    subject: evil,
    text: evil,
    html: evil,
    headers: { 'X-Evil': evil },
  });
  for (const path of [
    '/',
    '/messages/1',
    '/messages/1?view=text',
    '/messages/1?view=headers',
    '/messages/1?view=raw',
  ]) {
    const page = await get(path);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await page.text()).not.toContain('<script>');
  }
  const html = await get('/messages/1/html');
  expect(html.headers.get('content-security-policy')).toMatch(/^sandbox (?!.*allow-(scripts|same-origin))/);
});

test('keeps the last 500', async () => {
  for (let n = 1; n <= 502; n++) inbox.mailbox.add(Buffer.from(`Subject: ${n}\r\n\r\n`), { from: '', to: [] });
  const list = await inbox.mailbox.list();
  expect([list.length, list[0]?.subject, list.at(-1)?.subject, inbox.mailbox.received]).toEqual([500, '502', '3', 502]);
  expect((await get('/messages/1')).status).toBe(404);
});

test('shows nothing else, and takes no orders', async () => {
  for (const path of ['/nothing', '/messages/99', '/messages/99.json', '/messages/1/attachments/7', '/messages/../x']) {
    expect((await get(path)).status).toBe(404);
  }
  const post = await fetch(`http://127.0.0.1:${inbox.httpPort}/`, { method: 'POST' });
  expect(post.status).toBe(405);
});

test('a port that is taken leaves nothing open', async () => {
  await expect(startInbox({ smtpPort: 0, httpPort: inbox.httpPort })).rejects.toThrow('EADDRINUSE');
});
