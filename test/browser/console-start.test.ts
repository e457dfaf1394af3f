// The start page in a browser: what needs somebody and why, what its buttons do, and that it is live; then the statistics.
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { startBrowser } from '../support/http/browser';
import { openConsole, scrollsSideways } from '../support/http/console-page';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../support/service';
import { startSmtpServer, type SmtpServer } from '../support/smtp/smtp-server';
import { untilState } from '../support/emails';
import { eventually } from '../support/wait';

let service: Service;
let smtp: SmtpServer;
let browser: Browser;

beforeAll(async () => {
  smtp = await startSmtpServer();
  service = await startService();
  browser = await startBrowser();
});
afterAll(async () => {
  await browser.close();
  await service.close();
  await smtp.close();
});

const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
/** What axe finds on the page. */
const violations = async (page: Page): Promise<string[]> => {
  await page.evaluate(axe);
  return page.evaluate(
    `axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ' ' + nodes.map(({ html }) => html).join(' ')))`,
  );
};
const post = async (emails: string, more: object = {}) =>
  (await service.ok<EmailBody>('POST', emails, anEmail({ ...more }))).id;

test('a stuck queue is seen with the reason, and gets going again by what the page offers', async () => {
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, {
    // However long the page takes: an email that failed is tried again soon.
    backoff: { type: 'fixed', delay: '1s' },
  });
  await setUpQueue(service, 'acme/letters', smtp.port);
  const { page, context, complaints } = await openConsole(browser, service.url, OPERATOR_KEY, { person: 'M. Weber' });
  await page.getByText('Nothing needs you now').waitFor();

  // Live: nothing is reloaded from here on.
  await page.evaluate('window.stays = true');
  await service.ok('POST', '/v1/queues/acme/letters/pause', { reason: 'wrong <b>date</b>' });
  const paused = page.getByRole('listitem').filter({ hasText: 'The queue acme/letters is paused' });
  await paused.getByText('“wrong <b>date</b>”').waitFor({ timeout: 2_000 });
  smtp.setScript({ connect: () => '554 5.3.2 closed for the night' });
  const ids = await Promise.all(Array.from({ length: 6 }, () => post(emails)));
  const down = page.getByRole('listitem').filter({ hasText: 'The transport default (acme) is down' });
  await down.getByText('closed for the night').waitFor();
  await down.getByText('6 emails wait').waitFor();
  expect(await page.evaluate('window.stays')).toBe(true);
  expect(await violations(page)).toEqual([]);

  await down.getByRole('button', { name: 'Try now' }).click();
  await page.getByRole('status').getByText('It still does not work').waitFor();
  smtp.setScript({});
  await down.getByRole('button', { name: 'Try now' }).click();
  await page.getByRole('status').getByText('The server answered').waitFor();
  for (const id of ids) await untilState(service, queue, id, 'sent');
  await paused.getByRole('button', { name: 'Resume' }).click();
  await page.getByRole('status').getByText('acme/letters sends again.').waitFor();
  expect(await service.ok('GET', '/v1/queues/acme/letters')).toMatchObject({ paused: false });
  await page.getByText('Nothing needs you now').waitFor();
  expect(complaints).toEqual([]);
  await context.close();
});

test('the first load of the start page takes 60 kB at most, and the next one only its page', async () => {
  await setUpQueue(service, 'first/load', smtp.port);
  const signedIn = await openConsole(browser, service.url, OPERATOR_KEY);
  // The same session in a browser that has nothing of the console yet.
  const context = await browser.newContext({ storageState: await signedIn.context.storageState() });
  const page = await context.newPage();
  const client = await context.newCDPSession(page);
  await client.send('Network.enable');
  const types = new Map<string, string>();
  const bytes = new Map<string, number>();
  client.on('Network.requestWillBeSent', ({ requestId, type = '' }) => types.set(requestId, type));
  client.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => bytes.set(requestId, encodedDataLength));
  const load = async (): Promise<[type: string, bytes: number][]> => {
    types.clear();
    bytes.clear();
    await page.goto(service.url, { waitUntil: 'load' });
    await page.locator('header.bar').waitFor();
    // The stream of what is live is a fetch that ends with the page before.
    return [...bytes].flatMap(([id, length]) => (types.has(id) ? [[types.get(id) ?? '', length]] : []));
  };
  const first = (await load()).filter(([, length]) => length > 0);
  const counted = first.map(([type]) => type).filter((type) => ['Document', 'Script', 'Stylesheet'].includes(type));
  expect(counted.sort()).toEqual(['Document', 'Script', 'Script', 'Stylesheet']);
  expect(first.reduce((sum, [, length]) => sum + length, 0)).toBeLessThanOrEqual(60_000);
  const next = (await load()).filter(([, length]) => length > 0);
  // What is live is fetched, and may end at any time.
  expect(next.map(([type]) => type).filter((type) => type !== 'Document' && type !== 'Fetch')).toEqual([]);
  for (const encoding of ['br', 'gzip', 'identity']) {
    const { headers } = await fetch(service.url, { headers: { 'accept-encoding': encoding } });
    expect([headers.get('content-encoding') ?? 'identity', headers.get('vary')]).toEqual([encoding, 'Accept-Encoding']);
  }
  await Promise.all([context.close(), signedIn.context.close()]);
});

test('what happens is counted without a reload, and nothing is asked for while the page is hidden', async () => {
  const { emails } = await setUpQueue(service, 'live/app', smtp.port);
  const { key } = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'reader', tenant: 'live' });
  const { page, context, complaints } = await openConsole(browser, service.url, key);
  const sent = page.locator('.figures li', { hasText: 'sent in 24 hours' }).locator('b');
  const shows = (number: string) => eventually(async () => expect(await sent.textContent()).toBe(number));
  await shows('0');
  await post(emails);
  await smtp.waitForMessages(1);
  await shows('1');

  const asked: string[] = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  const hide = (hidden: boolean) =>
    page.evaluate(
      `Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${hidden} });
       document.dispatchEvent(new Event('visibilitychange'))`,
    );
  await hide(true);
  asked.length = 0;
  const id = await post(emails);
  await untilState(service, 'live/app', id, 'sent');
  expect([asked, await sent.textContent()]).toEqual([[], '1']);
  await hide(false);
  await shows('2');
  expect(complaints).toEqual([]);
  await context.close();
});

test('on a phone, in German: no worker is told of, a reader is offered no buttons, statistics fit', async () => {
  const { key } = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'reader', tenant: 'live' });
  await service.ok('POST', '/v1/queues/live/app/pause', { reason: 'Umzug' });
  await Promise.all(service.workers.map((worker) => worker.lifecycle.stop('test')));
  const { page, context, complaints } = await openConsole(browser, service.url, key, { width: 390, locale: 'de-DE' });
  await page.getByText('Es läuft kein Worker').waitFor();
  await page.getByText('„Umzug“').waitFor();
  expect(await page.getByRole('button', { name: 'Fortsetzen' }).count()).toBe(0);
  expect([await violations(page), await scrollsSideways(page)]).toEqual([[], false]);

  await page.goto(`${service.url}/statistics?group=queue&by=hour`);
  await page.getByRole('rowheader').first().waitFor();
  await page.getByRole('img', { name: /gesendet, .* gescheitert/ }).waitFor();
  expect([await violations(page), await scrollsSideways(page)]).toEqual([[], false]);
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Als CSV speichern' }).click();
  const [head, ...rows] = readFileSync(await (await download).path(), 'utf8')
    .trimEnd()
    .split('\r\n');
  expect(head).toMatch(/^at,tenant,application,transport,accepted,sent,failed,/);
  const { rows: told } = await service.ok<{ rows: { sent: number; tenant: string }[] }>(
    'GET',
    '/v1/tenants/live/statistics?by=hour&group=queue',
  );
  expect(rows.map((row) => row.split(',').slice(1, 3).join('/'))).toEqual(told.map(() => 'live/app'));
  expect(rows.map((row) => Number(row.split(',')[5]))).toEqual(told.map(({ sent }) => sent));
  expect(complaints).toEqual([]);
  await page.goto(`${service.url}/statistics?place=other/shop/x`);
  await page.getByRole('alert').waitFor();
  await context.close();
});
