// The templates to start from in a real browser: at phone and desktop width, light and dark, as a reader sees them.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { readReadyTemplates } from '../../dev/ready-templates';
import { startBrowser } from '../support/http/browser';
import { setUpQueue, startService, type Service } from '../support/service';
import { startSmtpServer, type SmtpServer } from '../support/smtp/smtp-server';

interface Shown {
  subject: string;
  html: string;
  text: string;
}

/** Pictures go here where somebody wants them: `ROHRPOST_PICTURES=docs/images npx jest test/browser/ready-templates`. */
const pictures = process.env['ROHRPOST_PICTURES'];
const ready = readReadyTemplates(join(__dirname, '../..'));
const letters = ready.filter(({ sample }) => sample !== undefined);
const shown = new Map<string, Shown>();
const views = new Map<string, string>();
let service: Service;
let smtp: SmtpServer;
let browser: Browser;

beforeAll(async () => {
  smtp = await startSmtpServer();
  service = await startService();
  await setUpQueue(service, 'acme/app', smtp.port);
  const { key } = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'admin', tenant: 'acme' });
  for (const { name, input } of ready) await service.ok('PUT', `/v1/tenants/acme/templates/${name}`, input, { key });
  for (const { name, sample } of letters)
    shown.set(name, await service.ok('POST', `/v1/tenants/acme/templates/${name}/render`, { data: sample }));
  browser = await startBrowser();
});
afterAll(async () => {
  if (pictures !== undefined) await photograph(pictures);
  await browser.close();
  await service.close();
  await smtp.close();
});

const VIEWS = [
  { view: 'desktop-light', width: 900, scheme: 'light' },
  { view: 'desktop-dark', width: 900, scheme: 'dark' },
  { view: 'phone-light', width: 375, scheme: 'light' },
  { view: 'phone-dark', width: 375, scheme: 'dark' },
] as const;

const openLetter = async (name: string, width: number, colorScheme: 'light' | 'dark'): Promise<Page> => {
  const context = await browser.newContext({ viewport: { width, height: 720 }, colorScheme });
  const page = await context.newPage();
  await page.setContent(shown.get(name)?.html ?? '');
  return page;
};

interface Seen {
  /** px that stand out on the right. */
  overflow: number;
  card: string;
  text: string;
  page: string;
}

/** Runs in the browser. */
const LOOK = `(() => {
  const style = (selector) => getComputedStyle(document.querySelector(selector));
  return {
    overflow: document.documentElement.scrollWidth - innerWidth,
    card: style('.card').backgroundColor,
    text: style('.content p').color,
    page: style('.page').backgroundColor,
  };
})()`;

/** One picture a letter: its four views side by side. */
const photograph = async (folder: string): Promise<void> => {
  mkdirSync(folder, { recursive: true });
  const page = await browser.newPage({ viewport: { width: 1_650, height: 500 } });
  for (const { name } of letters) {
    const images = VIEWS.map(
      ({ view }) => `<img height="470" src="data:image/png;base64,${views.get(`${name}-${view}`) ?? ''}">`,
    );
    await page.setContent(
      `<body style="margin:12px;display:flex;gap:12px;background:#c9ced6">${images.join('')}</body>`,
    );
    await page.screenshot({ path: join(folder, `template-${name}.png`), fullPage: true });
  }
};

/** Lightness of a CSS colour, 0 to 255. */
const lightness = (rgb: string): number =>
  (rgb.match(/\d+/g) ?? []).slice(0, 3).reduce((sum, part) => sum + Number(part) / 3, 0);

describe.each(letters.map(({ name }) => name))('%s', (name) => {
  test.each(VIEWS)('fits and can be read: $view', async ({ view, width, scheme }) => {
    const page = await openLetter(name, width, scheme);
    const seen = await page.evaluate<Seen>(LOOK);
    expect(seen.overflow).toBeLessThanOrEqual(0);
    const contrast = Math.abs(lightness(seen.card) - lightness(seen.text));
    expect(contrast).toBeGreaterThan(150);
    expect(lightness(seen.page) > 128).toBe(scheme === 'light');
    views.set(`${name}-${view}`, (await page.screenshot()).toString('base64'));
    await page.context().close();
  });

  test('says the same without style sheets and without html, and loads nothing', () => {
    const { subject, html, text } = shown.get(name) ?? { subject: '', html: '', text: '' };
    expect(subject).not.toBe('');
    // What phones and dark mode need stays in a style sheet; everything else is at the elements.
    expect(html).toMatch(/<h1 [^>]*style="[^"]*font-size/);
    expect(html).toContain('prefers-color-scheme');
    expect(html).not.toMatch(/(src|background)=["']?https?:|url\(/);
    expect(text).toContain('Hello Ann Müller,');
    expect(text).not.toMatch(/<\w|\{|undefined/);
    expect(text).toContain('Acme GmbH');
  });
});
