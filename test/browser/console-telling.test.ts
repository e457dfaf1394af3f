// Whom nothing is sent to, and who is told of what happens, in the console: by hand, in German on a phone and in English.
import type { Browser } from 'playwright-core';
import { untilState } from '../support/emails';
import { startBrowser } from '../support/http/browser';
import { openConsole, scrollsSideways } from '../support/http/console-page';
import { startWebhookReceiver } from '../support/http/webhook-receiver';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../support/service';
import { startSmtpServer, type SmtpServer } from '../support/smtp/smtp-server';

let service: Service;
let smtp: SmtpServer;
let browser: Browser;

beforeAll(async () => {
  smtp = await startSmtpServer();
  const allowed = { allowPrivate: ['127.0.0.1'] };
  service = await startService({ api: allowed, worker: allowed });
  browser = await startBrowser();
});
afterAll(async () => {
  await browser.close();
  await service.close();
  await smtp.close();
});

test('an address is suppressed, an email to it fails for it, and it is taken off the list again', async () => {
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port);
  const phone = { width: 390, locale: 'de-DE' };
  const { page, context, complaints } = await openConsole(browser, service.url, OPERATOR_KEY, phone);
  await page.goto(`${service.url}/tenants/acme`);
  await page.getByRole('link', { name: 'Gesperrte Adressen' }).click();
  await page.getByText('Keine Adresse ist gesperrt').waitFor();
  await page.getByLabel('Adresse', { exact: true }).fill('not an address');
  await page.getByRole('button', { name: 'Sperren' }).click();
  await page.getByRole('alert').waitFor();
  await page.getByLabel('Adresse', { exact: true }).fill('Ann@Example.org');
  await page.getByLabel('Grund').fill('hat angerufen');
  await page.getByRole('button', { name: 'Sperren' }).click();
  await page.getByText('An Ann@Example.org geht keine E-Mail mehr.').waitFor();
  await page.getByRole('row', { name: /ann@example\.org.*hat angerufen/ }).waitFor();
  expect(await scrollsSideways(page)).toBe(false);
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail({ to: ['ann@example.org'] }));
  await untilState(service, queue, id, 'failed');
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Alle als CSV' }).click(),
  ]);
  expect(download.suggestedFilename()).toBe('suppressions-acme.csv');
  await page.getByText('Von der Liste nehmen').first().click();
  await page.getByRole('button', { name: 'Von der Liste nehmen' }).click();
  await page.getByText('An ann@example.org gehen wieder E-Mails.').waitFor();
  expect((await service.call('GET', '/v1/tenants/acme/suppressions/ann@example.org')).status).toBe(404);
  // The browser tells the status of the refused form.
  expect(complaints.filter((text) => !/status of 422/.test(text))).toEqual([]);
  await context.close();
});

test('a webhook is made, tried, told, switched off, and told again', async () => {
  const { queue, emails } = await setUpQueue(service, 'hook/app', smtp.port);
  const receiver = await startWebhookReceiver();
  const { page, context, complaints } = await openConsole(browser, service.url, OPERATOR_KEY);
  await page.goto(`${service.url}/tenants/hook`);
  await page.getByRole('link', { name: 'No webhook yet' }).click();
  await page.getByLabel('Name').fill('erp');
  await page.getByLabel('Address').fill(receiver.url);
  await page.getByLabel('email.sent').check();
  await page.getByRole('button', { name: 'Make webhook' }).click();
  const secret = await page.locator('.secret code').innerText();
  expect(secret).toMatch(/^whsec_/);
  receiver.secrets.push(secret);
  await page.getByRole('link', { name: 'To the webhook' }).click();
  expect(await page.content()).not.toContain(secret);
  await page.getByRole('button', { name: 'Send a test' }).click();
  await page.getByText(/It was taken: status 2\d\d/).waitFor();
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail());
  await untilState(service, queue, id, 'sent');
  await receiver.takes(1, ({ type }) => type === 'email.sent');
  await page.goto(`${service.url}/tenants/hook/webhooks/erp`);
  expect(await page.getByLabel('email.sent').isChecked()).toBe(true);
  expect(await page.getByLabel('email.failed').isChecked()).toBe(false);
  await page.getByRole('row', { name: new RegExp(`${id}.*taken`) }).waitFor();
  await page.getByRole('button', { name: /Tell again/ }).click();
  await receiver.takes(2, ({ type }) => type === 'email.sent');
  await page.getByRole('link', { name: id }).click();
  await page.waitForURL(new RegExp(`/emails/${id}$`));
  await page.goto(`${service.url}/tenants/hook/webhooks/erp`);
  await page.getByRole('button', { name: 'Switch off' }).click();
  await page.getByText('erp is told of nothing any more.').waitFor();
  expect(await service.ok('GET', '/v1/tenants/hook/webhooks/erp')).toMatchObject({
    enabled: false,
    events: ['email.sent'],
  });
  expect(complaints).toEqual([]);
  await context.close();
  await receiver.close();
});
