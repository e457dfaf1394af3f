// Forty emails with the same typo: found, mended and sent by somebody who knows mail and not Redis, with and without JavaScript.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { startBrowser } from '../support/http/browser';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../support/service';
import { startSmtpServer, type SmtpServer } from '../support/smtp/smtp-server';
import { eventually } from '../support/wait';

/** Pictures go here where somebody wants them: `ROHRPOST_PICTURES=docs/images`. */
const pictures = process.env['ROHRPOST_PICTURES'];
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const FORTY = 40;

let service: Service;
let smtp: SmtpServer;
let browser: Browser;

beforeAll(async () => {
  smtp = await startSmtpServer({
    script: {
      rcpt: ({ recipient = '' }) => {
        if (recipient.endsWith('@gmial.com')) return `550 5.1.1 <${recipient}>: no such user`;
        if (recipient.startsWith('spam')) return '554 5.7.1 message looks like spam';
        if (recipient.startsWith('busy')) return '451 4.7.1 too many messages, slow down';
        return undefined;
      },
    },
  });
  service = await startService();
  browser = await startBrowser();
});
afterAll(async () => {
  await browser.close();
  await service.close();
  await smtp.close();
});

interface Reader {
  context: BrowserContext;
  page: Page;
  /** What the browser complains of: errors of scripts, and of the policy. */
  complaints: string[];
}

const signIn = async (
  width: number,
  options: { locale?: string; javaScriptEnabled?: boolean } = {},
): Promise<Reader> => {
  const context = await browser.newContext({ viewport: { width, height: width > 600 ? 800 : 844 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const complaints: string[] = [];
  page.on(
    'console',
    (message) =>
      void (message.type() === 'error' && !/status of 404/.test(message.text()) && complaints.push(message.text())),
  );
  page.on('pageerror', (error) => void complaints.push(error.message));
  await page.goto(`${service.url}/incidents`);
  await page.fill('#key', OPERATOR_KEY);
  await page.fill('#person', 'M. Weber');
  await page.click('button[type=submit]');
  return { context, page, complaints };
};

const picture = async (page: Page, name: string): Promise<void> => {
  if (pictures === undefined) return;
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `console-${name}.png`) });
};

/** Nothing stands out sideways, and axe finds nothing. */
const expectFit = async (page: Page): Promise<void> => {
  const { width = 0 } = page.viewportSize() ?? {};
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
  await page.evaluate(AXE);
  const found = await page.evaluate<{ id: string; nodes: string[] }[]>(
    'axe.run(document).then(({violations}) => violations.map(({id, nodes}) => ({id, nodes: nodes.map(({html}) => html)})))',
  );
  expect(found).toEqual([]);
};

/** Forty emails whose domain is mistyped, all failed. */
const failForty = async (queue: string): Promise<void> => {
  const { emails } = await setUpQueue(service, queue, smtp.port);
  const batch = Array.from({ length: FORTY }, (_, n) =>
    anEmail({ to: [`Ann <ann${n}@gmial.com>`], subject: `Invoice ${n}` }),
  );
  await service.ok('POST', `${emails}/batch`, { emails: batch });
  await eventually(async () =>
    expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ counts: { failed: FORTY } }),
  );
};

const expectArrived = async (queue: string): Promise<void> => {
  await eventually(async () =>
    expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ counts: { failed: 0, sent: FORTY } }),
  );
  const { emails } = await service.ok<{ emails: EmailBody[] }>('GET', `/v1/queues/${queue}/emails?limit=200`);
  expect(new Set(emails.map(({ to }) => String(to)))).toEqual(
    new Set(Array.from({ length: FORTY }, (_, n) => `Ann <ann${n}@gmail.com>`)),
  );
  const email = await service.email(queue, emails[0]?.id ?? '');
  expect(email.changes.map(({ what }) => what)).toEqual(['corrected', 'released']);
};

test.each([
  { width: 1280, locale: 'en-GB', javaScriptEnabled: true, tenant: 'acme' },
  { width: 390, locale: 'de-DE', javaScriptEnabled: true, tenant: 'beta' },
  { width: 1280, locale: 'de-DE', javaScriptEnabled: false, tenant: 'gamma' },
])('forty emails with the same typo: $width px, $locale, JavaScript: $javaScriptEnabled', async (how) => {
  const queue = `${how.tenant}/billing`;
  await failForty(queue);
  const before = smtp.messages.length;
  const { context, page, complaints } = await signIn(how.width, how);
  const german = how.locale === 'de-DE';
  const look = async (name: string): Promise<void> => {
    if (how.javaScriptEnabled) await expectFit(page);
    if (!german) await picture(page, name);
  };

  // Four steps: the incident, its effect, mend and release, see that they are gone.
  const row = page
    .getByRole('row')
    .filter({ hasText: german ? 'Die Adresse gibt es dort nicht' : 'The address does not exist there' });
  await row.getByText(String(FORTY)).waitFor();
  await look('typo-1-incidents');
  await row.getByRole('link').click();
  await page.getByLabel(german ? 'aus gmial.com (40) wird' : 'gmial.com (40) becomes').waitFor();
  expect(await page.getByLabel(german ? 'aus gmial.com (40) wird' : 'gmial.com (40) becomes').inputValue()).toBe(
    'gmail.com',
  );
  await look('typo-2-incident');
  await page.getByRole('button', { name: german ? 'Wirkung zeigen' : 'Show the effect' }).click();
  const mend = page.getByRole('button', {
    name: german ? '40 E-Mails berichtigen und freigeben' : 'Mend and release: 40 emails',
  });
  await mend.waitFor();
  expect(await page.locator('table ins').allTextContents()).toEqual(
    expect.arrayContaining([expect.stringMatching(/^Ann <ann\d+@gmail\.com>$/) as string]),
  );
  expect(await page.getByRole('row').count()).toBe(6);
  expect(smtp.messages.length).toBe(before);
  await look('typo-3-effect');
  await mend.click();
  await page.getByRole('heading', { name: german ? 'Fortschritt' : 'Progress' }).waitFor();
  await eventually(async () => {
    if (!how.javaScriptEnabled) await page.reload();
    expect(await page.locator('.figures b').first().textContent()).toBe('40');
    expect(await page.locator('.lead strong').textContent()).toBe(german ? 'fertig' : 'done');
  });
  await expectArrived(queue);
  await look('typo-4-progress');

  await page.goto(`${service.url}/queues/${queue}`);
  await page.getByRole('link', { name: german ? /freigeben: fertig/ : /release: done/ }).waitFor();
  await page.goto(`${service.url}/incidents`);
  expect(await page.getByRole('row').count()).toBeLessThanOrEqual(1);
  expect(complaints).toEqual([]);
  await context.close();
});

test('many failures of three causes over two tenants are three rows, and each is mended for both at once', async () => {
  const queues = ['delta/app', 'echo/app'];
  for (const queue of queues) {
    const { emails } = await setUpQueue(service, queue, smtp.port, { backoff: { delay: '6h' } });
    const to = ['a@gmial.com', 'b@gmial.com', 'spam@x.example', 'busy1@x.example', 'busy2@x.example'];
    await service.ok('POST', `${emails}/batch`, { emails: to.map((one) => anEmail({ to: [one] })) });
  }
  const untilCounts = (counts: Record<string, number>) =>
    Promise.all(
      queues.map((queue) =>
        eventually(async () => expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ counts })),
      ),
    );
  await untilCounts({ failed: 3, deferred: 2 });
  const { context, page, complaints } = await signIn(1280, { locale: 'en-GB' });
  await page.getByRole('link', { name: 'The server slows us down' }).waitFor();
  expect(await page.locator('tbody td.number').allTextContents()).toEqual(['4', '4', '2']);

  await page.getByRole('link', { name: 'The address does not exist there' }).click();
  await page.getByRole('button', { name: 'Show the effect' }).click();
  await page.getByRole('button', { name: 'Mend and release: 4 emails' }).click();
  await untilCounts({ failed: 1, deferred: 2, sent: 2 });

  // Those that are tried again later are sent now, by another server.
  const second = await startSmtpServer();
  for (const tenant of ['delta', 'echo'])
    await service.ok('PUT', `/v1/tenants/${tenant}/transports/second`, {
      host: '127.0.0.1',
      port: second.port,
      security: 'none',
    });
  await page.goto(`${service.url}/incidents?tenant=delta`);
  await page.getByRole('link', { name: 'The server slows us down' }).click();
  await page.getByText('More to change').click();
  await page.getByLabel('Send by transport').selectOption('second');
  await expectFit(page);
  await page.getByRole('button', { name: 'Show the effect' }).click();
  await page.getByRole('button', { name: 'Mend and send now: 2 emails' }).click();
  await second.waitForMessages(2);
  await eventually(async () =>
    expect(await service.ok('GET', '/v1/queues/delta/app')).toMatchObject({
      counts: { deferred: 0, failed: 1, sent: 4 },
    }),
  );
  expect(await service.ok('GET', '/v1/queues/echo/app')).toMatchObject({ counts: { deferred: 2 } });
  expect(complaints).toEqual([]);
  await context.close();
  await second.close();
});
