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
