// Queues, lists and the search of the console in a browser: what stands where and why, found, paused, resumed, acted on in numbers.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { startBrowser } from '../support/http/browser';
import { untilState } from '../support/emails';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../support/service';
import { startSmtpServer, type SmtpServer } from '../support/smtp/smtp-server';
import { eventually } from '../support/wait';

const pictures = process.env['ROHRPOST_PICTURES'];
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

let service: Service;
let smtp: SmtpServer;
let browser: Browser;

beforeAll(async () => {
  smtp = await startSmtpServer({
    script: { rcpt: ({ recipient }) => (recipient?.startsWith('nobody') ? '550 5.1.1 no such user' : undefined) },
  });
  service = await startService();
  browser = await startBrowser();
});
afterAll(async () => {
  await browser.close();
  await service.close();
  await smtp.close();
});

const WIDTHS = [
  { width: 1280, locale: 'en-GB', tenant: 'acme' },
  { width: 390, locale: 'de-DE', tenant: 'beta' },
];

const signIn = async (
  width: number,
  locale: string,
  at: string,
): Promise<{ page: Page; context: BrowserContext; complaints: string[] }> => {
  const context = await browser.newContext({
    viewport: { width, height: 844 },
    locale,
    colorScheme: width > 600 ? 'light' : 'dark',
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const complaints: string[] = [];
  page.on(
    'console',
    (message) =>
      void (message.type() === 'error' && !/status of 4\d\d/.test(message.text()) && complaints.push(message.text())),
  );
  await page.goto(service.url + at);
  await page.fill('#key', OPERATOR_KEY);
  await page.click('button[type=submit]');
  return { page, context, complaints };
};

const look = async (page: Page, name: string): Promise<void> => {
  const { width = 0 } = page.viewportSize() ?? {};
  if (pictures !== undefined) {
    mkdirSync(pictures, { recursive: true });
    await page.screenshot({ path: join(pictures, `console-${name}-${width}.png`), fullPage: true });
  }
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
  await page.evaluate(AXE);
  const found = await page.evaluate(
    'axe.run(document).then(({violations}) => violations.map(({id, nodes}) => ({id, nodes: nodes.map(({html}) => html)})))',
  );
  expect(found).toEqual([]);
};

const post = async (emails: string, changes: Record<string, unknown>): Promise<string> =>
  (await service.ok<EmailBody>('POST', emails, anEmail(changes))).id;

test.each(WIDTHS)(
  'a queue is paused with a reason, seen so, and resumed: $width px',
  async ({ width, locale, tenant }) => {
    const { queue, emails } = await setUpQueue(service, `${tenant}/letters`, smtp.port);
    const { page, context, complaints } = await signIn(width, locale, '/queues');
    const german = locale === 'de-DE';
    await page.getByRole('link', { name: queue }).click();
    await page.getByText(german ? 'Diese Warteschlange pausieren' : 'Pause this queue').click();
    await page.getByLabel(german ? /^Grund/ : /^Reason/).fill('wrong date <b>in the letter');
    await page.getByRole('button', { name: german ? 'Pausieren' : 'Pause', exact: true }).click();
    await page.getByRole('button', { name: german ? 'Fortsetzen' : 'Resume' }).waitFor();
    const sent = await post(emails, { to: ['ann@example.org'] });
    expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({
      paused: true,
      pause: { reason: 'wrong date <b>in the letter' },
    });

    await page.goto(`${service.url}/queues?only=paused`);
    await page.getByText(german ? '„wrong date <b>in the letter“' : '“wrong date <b>in the letter”').waitFor();
    await look(page, 'queues');
    await page.getByRole('link', { name: queue }).click();
    await page.getByRole('link', { name: 'ann@example.org' }).waitFor();
    await look(page, 'queue-paused');
    await page.getByRole('button', { name: german ? 'Fortsetzen' : 'Resume' }).click();
    await untilState(service, queue, sent, 'sent');
    await page.getByText(german ? 'sendet wieder' : 'sends again').waitFor();
    expect(complaints).toEqual([]);
    await context.close();
  },
);

test.each(WIDTHS)(
  'an email is found by its recipient over all queues, by its id, and by its Message-ID: $width px',
  async ({ width, locale, tenant }) => {
    const [a, b] = [
      await setUpQueue(service, `${tenant}/one`, smtp.port),
      await setUpQueue(service, `${tenant}/two`, smtp.port),
    ];
    const wanted = await post(b.emails, { to: [`Zoe <zoe@${tenant}.example>`], subject: '<script>alert(1)</script>' });
    await post(a.emails, { to: [`zoe@${tenant}.example`], subject: 'Other', tags: ['x'] });
    await untilState(service, b.queue, wanted, 'sent');
    const { page, context, complaints } = await signIn(width, locale, '/search');
    await page.locator('#q').fill(`zoe@${tenant}.example`);
    await page.keyboard.press('Enter');
    await page.getByText('<script>alert(1)</script>').waitFor();
    expect(await page.locator('tbody tr').count()).toBe(2);
    await look(page, 'search');

    await page.goto(`${service.url}/search?q=${encodeURIComponent(`zoe@${tenant}.example tag:x`)}`);
    expect(await page.locator('tbody tr').count()).toBe(1);
    await page.locator('.chip').filter({ hasText: 'tag' }).click();
    expect(new URL(page.url()).searchParams.get('q')).toBe(`zoe@${tenant}.example`);
    await page.goto(`${service.url}/search?q=state:lost+foo:bar`);
    await page.getByText('uncertain').waitFor();
    await page.getByText('foo:bar').last().waitFor();
    await look(page, 'search-fault');

    const at = `/queues/${b.queue}/emails/${wanted}`;
    const { messageId } = await service.email(b.queue, wanted);
    for (const text of [wanted, String(messageId)]) {
      await page.goto(`${service.url}/search?q=${encodeURIComponent(text)}`);
      expect(new URL(page.url()).pathname).toBe(at);
    }
    expect(complaints).toEqual([]);
    await context.close();
  },
);

test.each(WIDTHS)(
  'some of a list are chosen, others are left; settings change what was touched: $width px',
  async ({ width, locale, tenant }) => {
    const { queue, emails } = await setUpQueue(service, `${tenant}/many`, smtp.port, { attempts: 3 });
    const ids = await Promise.all([0, 1, 2].map((n) => post(emails, { to: [`nobody${n}@example.org`] })));
    for (const id of ids) await untilState(service, queue, id, 'failed');
    const { page, context, complaints } = await signIn(width, locale, `/queues/${queue}`);
    const german = locale === 'de-DE';
    await page.getByRole('link', { name: german ? /^gescheitert 3/ : /^failed 3/ }).click();
    await look(page, 'queue');
    await page.getByRole('button', { name: german ? 'Mit den ausgewählten' : 'With the selected' }).click();
    await page.getByRole('alert').waitFor();
    await page.goBack();
    await page.getByLabel(german ? 'nobody1@example.org auswählen' : 'Select nobody1@example.org').check();
    await page.getByLabel(german ? 'Was tun' : 'What to do').selectOption('cancel');
    await page.getByRole('button', { name: german ? 'Mit den ausgewählten' : 'With the selected' }).click();
    await page.getByText(german ? /nicht rückgängig/ : /cannot be undone/).waitFor();
    await look(page, 'bulk-cancel');
    await page
      .getByRole('button', { name: german ? /^1 E-Mail endgültig abbrechen/ : /^cancel for good: 1 email/ })
      .click();
    await untilState(service, queue, ids[1] ?? '', 'canceled');
    expect((await service.email(queue, ids[0] ?? '')).state).toBe('failed');

    await page.goto(`${service.url}/queues/${queue}/settings`);
    await look(page, 'settings');
    const field = (name: string) => page.locator(`[name="${name}"]`);
    await field('concurrency').fill('many');
    await page.getByRole('button', { name: german ? 'Speichern' : 'Save' }).click();
    expect(await field('concurrency').inputValue()).toBe('many');
    await look(page, 'settings-refused');
    // Meanwhile somebody else changes another field: it is kept, and so is what is typed here.
    await service.ok('PATCH', `/v1/queues/${queue}`, { log: 'dialogue' });
    await field('concurrency').fill('7');
    await page.getByRole('button', { name: german ? 'Speichern' : 'Save' }).click();
    await page.getByRole('alert').waitFor();
    expect(await field('concurrency').inputValue()).toBe('7');
    expect(await field('log').inputValue()).toBe('dialogue');
    await field('backoff.jitter').fill('0.5');
    await field('backoff.type').selectOption('fixed');
    await field('history.keep').selectOption('false');
    await field('listUnsubscribe.mailto').fill('off@acme.example?subject={id}');
    await field('dataSources').fill('https://dms.acme.example/');
    await page.getByRole('button', { name: german ? 'Speichern' : 'Save' }).click();
    await page.getByRole('status').waitFor();
    await eventually(async () =>
      expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({
        concurrency: 7,
        log: 'dialogue',
        attempts: 3,
        backoff: { type: 'fixed', jitter: 0.5 },
        history: { keep: false },
        listUnsubscribe: { mailto: 'off@acme.example?subject={id}' },
        dataSources: ['https://dms.acme.example/'],
      }),
    );
    expect(complaints).toEqual([]);
    await context.close();
  },
);
