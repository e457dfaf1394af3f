// The console in a browser, as somebody who is signed in; and that its pages complain of nothing.
import type { Browser, BrowserContext, Page } from 'playwright-core';

export interface ConsolePage {
  page: Page;
  context: BrowserContext;
  /** What the browser complained of: policies, scripts that broke, pages that were not there. */
  complaints: string[];
}

export interface ConsoleOptions {
  /** Pixels; 1280 where it is not given. */
  width?: number;
  locale?: string;
  person?: string;
  colorScheme?: 'light' | 'dark';
}

/** Signs in with the key. @param url of the service */
export const openConsole = async (
  browser: Browser,
  url: string,
  key: string,
  { width = 1280, locale = 'en-GB', person = '', colorScheme = 'light' }: ConsoleOptions = {},
): Promise<ConsolePage> => {
  const context = await browser.newContext({ viewport: { width, height: 800 }, locale, colorScheme });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(url);
  await page.locator('#key').fill(key);
  await page.locator('#person').fill(person);
  await page.locator('main button[type=submit]').click();
  await page.waitForURL(`${url}/`);
  await page.locator('header.bar').waitFor();
  return { page, context, complaints };
};

/** Does the page scroll sideways? */
export const scrollsSideways = (page: Page): Promise<boolean> =>
  page.evaluate('document.documentElement.scrollWidth > window.innerWidth');
