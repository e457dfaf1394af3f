// Every page of the console, in both languages, colour schemes and widths: axe finds nothing (WCAG 2.2 AA), nothing reaches beyond
// the side, and the browser complains of nothing.
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { PAGES } from '../../../apps/api/console/pages/all-pages';
import { untilState } from '../../support/emails';
import { startBrowser } from '../../support/http/browser';
import { openConsole, scrollsSideways } from '../../support/http/console-page';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';

const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = JSON.stringify(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']);

let service: Service;
let smtp: SmtpServer;
let browser: Browser;
/** What is visited, by the pattern of its page. */
const visits: [pattern: string, path: string][] = [];

const QUEUE = '/queues/:tenant/:application';
const EMAIL = `${QUEUE}/emails/:id`;
/** These are no pages: files, and mails in a frame of their own. */
const FILES = new Set([
  '/statistics.csv',
  `${EMAIL}/frame`,
  `${EMAIL}/message.eml`,
  '/tenants/:tenant/templates/:name/preview',
]);

const post = async (emails: string, changes: object): Promise<string> =>
  (await service.ok<EmailBody>('POST', emails, anEmail({ ...changes }))).id;

const makeWorld = async (): Promise<void> => {
  const { queue, emails } = await setUpQueue(service, 'acme/billing', smtp.port, { archive: true });
  await setUpQueue(service, 'acme/paused', smtp.port);
  await service.ok('POST', '/v1/queues/acme/paused/pause', { reason: 'wrong date' });
  await service.ok('PUT', '/v1/tenants/acme/templates/invoice', { subject: 'Invoice', html: '<p><%= it.name %></p>' });
  await service.ok('PUT', '/v1/tenants/acme/templates/invoice', { subject: 'Bill', html: '<p>Hi <%= it.name %></p>' });
  await service.ok('POST', '/v1/keys', { role: 'reader', tenant: 'acme', name: 'Night shift' });
  await service.ok('PUT', '/v1/tenants/acme/suppressions/gone@example.org', { reason: 'asked by telephone' });
  await service.ok('PUT', '/v1/tenants/acme/webhooks/erp', { url: 'https://erp.acme.example/mail-events' });
  const sent = await post(emails, {
    html: '<h1>Hello</h1>',
    attachments: [{ filename: 'a.txt', content: Buffer.from('text').toString('base64') }],
  });
  const rendered = await post(emails, {
    subject: undefined,
    text: undefined,
    template: 'invoice',
    data: { name: 'A' },
  });
  const failed = await post(emails, { to: ['ann@gmial.com', 'bob@gmial.com'] });
  const planned = await post(emails, { sendAt: '2035-01-01T00:00:00Z' });
  const canceled = await post(emails, { sendAt: '2035-01-01T00:00:00Z' });
  await service.ok('POST', `${emails}/${canceled}/cancel`);
  for (const [id, state] of [
    [sent, 'sent'],
    [rendered, 'sent'],
    [failed, 'failed'],
  ] as const)
    await untilState(service, queue, id, state);
  const { id: operation } = await service.ok<{ id: string }>('POST', `${emails}/bulk`, {
    action: 'release',
    filter: { state: 'failed' },
    dryRun: true,
  });
  const { incidents } = await service.ok<{ incidents: { id: string }[] }>('GET', '/v1/incidents');
  const email = (id: string): string => `/queues/${queue}/emails/${id}`;
  const views = ['text', 'headers', 'source', 'attachments', 'difference', 'html&width=phone', 'html&as=now'];
  visits.push(
    ['/', '/'],
    ['/incidents', '/incidents'],
    ['/incidents/:id', `/incidents/${incidents[0]?.id ?? ''}`],
    ['/incidents/:id', '/incidents/i_000000000000'],
    ['/queues', '/queues'],
    [QUEUE, `/queues/${queue}`],
    [QUEUE, `/queues/${queue}?state=failed`],
    [QUEUE, '/queues/acme/paused'],
    [`${QUEUE}/settings`, `/queues/${queue}/settings`],
    ['/search', '/search'],
    ['/search', '/search?q=gmial.com'],
    ['/search', '/search?q=*@gmial.com'],
    ['/search', '/search?q=state:lost+foo:bar'],
    ...[sent, rendered, failed, planned, canceled].map((id): [string, string] => [EMAIL, email(id)]),
    ...views.map((view): [string, string] => [EMAIL, `${email(sent)}?view=${view}`]),
    ...[failed, rendered].map((id): [string, string] => [`${EMAIL}/correct`, `${email(id)}/correct`]),
    [`${EMAIL}/resend`, `${email(sent)}/resend`],
    [`${EMAIL}/cancel`, `${email(planned)}/cancel`],
    [`${EMAIL}/erase`, `${email(failed)}/erase`],
    ['/bulk', '/bulk'],
    ['/bulk', `/bulk?at=${queue}&q=state:failed&action=release`],
    ['/operations/:id', `/operations/${operation}`],
    ['/tenants', '/tenants'],
    ['/tenants/:tenant', '/tenants/acme'],
    ['/tenants/:tenant/transports/:name', '/tenants/acme/transports/default'],
    ['/tenants/:tenant/new-transport', '/tenants/acme/new-transport'],
    ['/tenants/:tenant/templates', '/tenants/acme/templates'],
    ['/tenants/:tenant/templates/:name', '/tenants/acme/templates/invoice?from=1&to=2'],
    ['/tenants/:tenant/new-template', '/tenants/acme/new-template'],
    ['/tenants/:tenant/suppressions', '/tenants/acme/suppressions'],
    ['/tenants/:tenant/webhooks', '/tenants/acme/webhooks'],
    ['/tenants/:tenant/webhooks/:name', '/tenants/acme/webhooks/erp'],
    ['/keys', '/keys'],
    ['/audit', '/audit'],
    ['/audit', '/audit?since=yesterday'],
    ['/statistics', '/statistics?group=queue&by=hour'],
    ['', '/nothing/here'],
  );
};

beforeAll(async () => {
  smtp = await startSmtpServer({
    script: { rcpt: ({ recipient = '' }) => (recipient.endsWith('@gmial.com') ? '550 5.1.1 no such user' : undefined) },
  });
  service = await startService();
  browser = await startBrowser();
  await makeWorld();
});
afterAll(async () => {
  await browser.close();
  await service.close();
  await smtp.close();
});

/** Frames are left out: a mail in its sandbox is not ours, and axe cannot speak to it. */
const found = async (page: Page): Promise<string[]> => {
  await page.evaluate(AXE);
  return page.evaluate<string[]>(
    `axe.run(document, { runOnly: ${TAGS}, iframes: false }).then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' ')))`,
  );
};

test('every page is visited', () => {
  const pages = PAGES.flatMap(({ path, get }) => (get === undefined || FILES.has(path) ? [] : [path]));
  const visited = new Set(visits.map(([pattern]) => pattern));
  expect(pages.filter((path) => !visited.has(path))).toEqual([]);
});

describe.each([
  { locale: 'en-GB', colorScheme: 'light', width: 1280 },
  { locale: 'en-GB', colorScheme: 'dark', width: 390 },
  { locale: 'de-DE', colorScheme: 'light', width: 390 },
  { locale: 'de-DE', colorScheme: 'dark', width: 1280 },
  { locale: 'en-GB', colorScheme: 'dark', width: 1280 },
  { locale: 'de-DE', colorScheme: 'dark', width: 390 },
] as const)('$locale, $colorScheme, $width px', (options) => {
  test('axe finds nothing on any page', async () => {
    const { page, context, complaints } = await openConsole(browser, service.url, OPERATOR_KEY, options);
    const faults: unknown[] = [];
    for (const [, path] of visits) {
      await page.goto(service.url + path);
      // What is folded is looked at, too.
      await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true");
      const [broken, wide] = [await found(page), await scrollsSideways(page)];
      if (broken.length > 0 || wide) faults.push({ path, broken, wide });
    }
    expect(faults).toEqual([]);
    // The browser tells the statuses of refused and missing pages, which are among those visited.
    expect(complaints.filter((text) => !/status of 4\d\d/.test(text))).toEqual([]);
    await context.close();
  }, 300_000);

  test('nor on the page where people sign in', async () => {
    const context = await browser.newContext({ locale: options.locale, colorScheme: options.colorScheme });
    const page = await context.newPage();
    await page.goto(service.url);
    expect(await found(page)).toEqual([]);
    await context.close();
  });
});
