// The page of one email: understood, corrected and sent, by people who never see a job.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { startBrowser } from '../support/http/browser';
import { OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../support/service';
import { untilState } from '../support/emails';
import { startSmtpServer, type SmtpServer } from '../support/smtp/smtp-server';

let service: Service;
let smtp: SmtpServer;
let browser: Browser;
const queue = 'acme/billing';
const emails = `/v1/queues/${queue}/emails`;

beforeAll(async () => {
  smtp = await startSmtpServer();
  smtp.setScript({ rcpt: ({ recipient = '' }) => (recipient.includes('typo') ? '550 5.1.1 no such user' : undefined) });
  service = await startService();
  await setUpQueue(service, queue, smtp.port);
  browser = await startBrowser();
});
afterAll(() => Promise.all([browser.close(), service.close(), smtp.close()]));

const failed = async (more: object = {}): Promise<string> => {
  const { id } = await service.ok<EmailBody>('POST', emails, {
    to: ['ann-typo@example.org'],
    subject: 'Invoice 114',
    text: 'Hello',
    ...more,
  });
  await untilState(service, queue, id, 'failed');
  return id;
};

const signedIn = async (options: object): Promise<{ page: Page; complaints: string[]; close: () => Promise<void> }> => {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(service.url);
  await page.locator('#key').fill(OPERATOR_KEY);
  await page.locator('#person').fill('M. Weber');
  await page.locator('form.card button[type=submit]').click();
  return { page, complaints, close: () => context.close() };
};

test.each([
  { viewport: { width: 1280, height: 800 }, locale: 'en-GB', javaScriptEnabled: true, save: 'Save and release' },
  { viewport: { width: 390, height: 844 }, locale: 'de-DE', javaScriptEnabled: true, save: 'Speichern und freigeben' },
  {
    viewport: { width: 1280, height: 800 },
    locale: 'de-DE',
    javaScriptEnabled: false,
    save: 'Speichern und freigeben',
  },
])('a wrong address is corrected and the email released: $viewport.width px, $locale', async ({ save, ...options }) => {
  const id = await failed();
  const { page, complaints, close } = await signedIn(options);
  await page.goto(`${service.url}/queues/${queue}/emails/${id}`);
  await page.locator(`a[href$="/emails/${id}/correct"]`).first().click();
  await page.locator('#to').fill('no address');
  await page.getByRole('button', { name: save }).click();
  // What was typed is still there, and why it was refused.
  expect(await page.locator('#to').inputValue()).toContain('no address');
  await page.getByRole('alert').waitFor();
  await page.locator('#to').fill('ann@example.org');
  await page.getByRole('button', { name: save }).click();
  await page.waitForURL(`${service.url}/queues/${queue}/emails/${id}`);
  await untilState(service, queue, id, 'sent');
  const { changes, subject } = await service.email(queue, id);
  expect(subject).toBe('Invoice 114');
  expect(changes).toMatchObject([
    { what: 'corrected', by: 'operator (M. Weber)' },
    { what: 'released', by: 'operator (M. Weber)' },
  ]);
  expect(complaints.filter((text) => !text.includes('422'))).toEqual([]);
  await close();
});

test('nothing of an email runs or loads anything, on its page or in its frame', async () => {
  let asked = 0;
  const elsewhere = createServer((_request, response) => {
    asked++;
    response.end();
  }).listen(0, '127.0.0.1');
  await once(elsewhere, 'listening');
  const { port } = elsewhere.address() as AddressInfo;
  const evil = `<img src="http://127.0.0.1:${port}/x.png" onerror="document.title=1"><script>document.title="ran"</script>`;
  const id = await failed({
    subject: `"><script>alert(1)</script>`,
    html: `<p>${evil}</p>`,
    headers: { 'X-Case': evil.slice(0, 60) },
  });
  const { page, complaints, close } = await signedIn({ viewport: { width: 1280, height: 800 } });
  page.on('dialog', () => complaints.push('a dialog'));
  for (const at of ['', '/correct', '/frame']) {
    await page.goto(`${service.url}/queues/${queue}/emails/${id}${at}`);
    await page.waitForLoadState();
    expect(await page.title()).not.toBe('ran');
  }
  expect(asked).toBe(0);
  expect(complaints.filter((text) => text.includes('dialog'))).toEqual([]);
  await close();
  elsewhere.close();
});

test.each([
  { viewport: { width: 1280, height: 800 }, locale: 'en-GB', again: 'Send again', sent: 'It is sent again' },
  {
    viewport: { width: 390, height: 844 },
    locale: 'de-DE',
    again: 'Nochmals senden',
    sent: 'Sie wird nochmals gesendet',
  },
])(
  'one that was sent is sent again to one of its recipients: $viewport.width px',
  async ({ again, sent, ...options }) => {
    const to = ['Carl <carl@example.org>', 'dora@example.org'];
    const { id } = await service.ok<EmailBody>('POST', emails, { to, subject: 'Again', text: 'Hello' });
    await untilState(service, queue, id, 'sent');
    const before = smtp.messages.length;
    const { page, complaints, close } = await signedIn(options);
    await page.goto(`${service.url}/queues/${queue}/emails/${id}`);
    await page.getByRole('link', { name: again }).click();
    await page.getByRole('button', { name: again }).click();
    // Nobody is chosen yet: nothing is sent, and the page says so.
    await page.getByRole('alert').waitFor();
    await page.getByLabel('dora@example.org').check();
    await page.getByRole('button', { name: again }).dblclick();
    await page.getByText(sent).waitFor();
    const messages = (await smtp.waitForMessages(before + 1)).slice(before);
    expect(messages.map((message) => message.to)).toEqual([['dora@example.org']]);
    const made = page.url().split('/').at(-1) ?? '';
    expect(made).not.toBe(id);
    await untilState(service, queue, made, 'sent');
    expect((await service.email(queue, id))['to']).toEqual(to);
    expect(smtp.messages).toHaveLength(before + 1);
    expect(complaints.filter((text) => !text.includes('422'))).toEqual([]);
    await close();
  },
);

test.each([{ javaScriptEnabled: true }, { javaScriptEnabled: false }])(
  'two people correct one email: who is slower sees both versions and keeps the typing; JavaScript: $javaScriptEnabled',
  async (options) => {
    const id = await failed();
    const at = `${service.url}/queues/${queue}/emails/${id}`;
    const reader = { viewport: { width: 1280, height: 800 }, locale: 'en-GB' };
    const [slow, quick] = [await signedIn({ ...reader, ...options }), await signedIn(reader)];
    await slow.page.goto(`${at}/correct`);
    await slow.page.locator('#to').fill('bob@example.org');
    await slow.page.locator('#text').fill('Typed by the slower one');
    await quick.page.goto(`${at}/correct`);
    await quick.page.locator('#to').fill('ann@example.org');
    await quick.page.locator('#subject').fill('Invoice 115');
    await quick.page.getByRole('button', { name: 'Save', exact: true }).click();
    await quick.page.waitForURL(at);

    await slow.page.getByRole('button', { name: 'Save and release' }).click();
    const alert = slow.page.getByRole('alert');
    await alert.getByText('Somebody else changed this email meanwhile').first().waitFor();
    const row = (name: string) =>
      alert.getByRole('row').filter({ has: slow.page.getByRole('rowheader', { name, exact: true }) });
    expect(await row('To').getByRole('cell').allTextContents()).toEqual(['ann@example.org', 'bob@example.org']);
    expect(await row('Subject').getByRole('cell').allTextContents()).toEqual(['Invoice 115', 'not touched']);
    expect(await slow.page.locator('#to').inputValue()).toContain('bob@example.org');
    expect(await slow.page.locator('#text').inputValue()).toContain('Typed by the slower one');
    expect(await slow.page.locator('#subject').inputValue()).toBe('Invoice 115');
    expect(await service.email(queue, id)).toMatchObject({ state: 'failed', to: ['ann@example.org'] });

    await slow.page.getByRole('button', { name: 'Save and release' }).click();
    await slow.page.waitForURL(at);
    const email = await untilState(service, queue, id, 'sent');
    expect(email).toMatchObject({ to: ['bob@example.org'], subject: 'Invoice 115' });
    await Promise.all([slow.close(), quick.close()]);
  },
);

test('an open page of an email follows what a worker does, without being loaded again', async () => {
  const { page, complaints, close } = await signedIn({ viewport: { width: 1280, height: 800 }, locale: 'en-GB' });
  const { id } = await service.ok<EmailBody>('POST', emails, {
    to: ['eve@example.org'],
    subject: 'Later',
    text: 'Hello',
    sendAt: new Date(Date.now() + 86_400_000).toISOString(),
  });
  await page.goto(`${service.url}/queues/${queue}/emails/${id}`);
  await page.locator('#stands .state-scheduled').first().waitFor();
  // Nothing is reloaded from here on.
  await page.evaluate('window.stays = true');
  await service.ok('POST', `${emails}/${id}/send-now`);
  await untilState(service, queue, id, 'sent');
  const stands = page.locator('#stands');
  await stands.locator('.state-sent').first().waitFor({ timeout: 2_000 });
  await page.locator('#happened').getByText('250').first().waitFor({ timeout: 2_000 });
  expect(await page.evaluate('window.stays')).toBe(true);
  expect(complaints).toEqual([]);
  await close();
});
