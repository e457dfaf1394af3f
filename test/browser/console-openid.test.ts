// Signing in at an identity provider in a real browser, where the provider is another site: with and without JavaScript, in both languages.
import type { Browser } from 'playwright-core';
import { startBrowser } from '../support/http/browser';
import { startFederation, type Federation } from '../support/identity/identity-provider';

let federation: Federation;
let browser: Browser;

beforeAll(async () => {
  federation = await startFederation({
    rules: [
      { group: 'acme-mail', role: 'admin', tenant: 'acme' },
      { group: 'beta-mail', role: 'reader', tenant: 'beta' },
    ],
    accounts: {
      maria: { name: 'Maria Weber', preferred_username: 'm.weber', groups: ['acme-mail', 'beta-mail'] },
      nora: { preferred_username: 'nora', groups: ['football'] },
    },
  });
  for (const tenant of ['acme', 'beta']) await federation.service.ok('PUT', `/v1/tenants/${tenant}`, {});
  browser = await startBrowser();
});
afterAll(async () => {
  await browser.close();
  await federation.close();
});

const open = async (options: { locale: string; javaScriptEnabled?: boolean }) => {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    // Of our own pages; the provider's load what they like.
    if (message.type() === 'error' && message.location().url.startsWith(federation.service.url))
      complaints.push(message.text());
  });
  const logIn = async (login: string): Promise<void> => {
    await page.getByLabel('User').fill(login);
    await page.getByRole('button', { name: 'Log in' }).click();
  };
  return { context, page, complaints, logIn };
};

test.each([true, false])(
  'somebody signs in, chooses a tenant, works, and signs out of both (JavaScript: %s)',
  async (js) => {
    const { url } = federation.service;
    const { context, page, complaints, logIn } = await open({ locale: 'en-GB', javaScriptEnabled: js });
    await page.goto(`${url}/statistics?by=hour`);
    await page.getByRole('link', { name: 'Sign in with localhost' }).click();
    await logIn('maria');
    await page.getByRole('heading', { name: 'Where do you want to work?' }).waitFor();
    await page.getByRole('button', { name: 'beta, as reader' }).click();
    // Back where they wanted to go, without a second click, with the session's own cookie.
    await page.getByRole('heading', { level: 1, name: 'Statistics' }).waitFor();
    expect(page.url()).toBe(`${url}/statistics?by=hour`);
    await page.getByText('Maria Weber · beta').click();
    await page.getByRole('link', { name: 'Change tenant' }).click();
    await page.getByRole('button', { name: 'acme, as admin' }).click();
    await page.getByText('Maria Weber · acme').click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Yes, sign me out' }).click();
    await page.waitForURL(`${url}/`);
    await page.getByLabel('API key').waitFor();
    expect(complaints).toEqual([]);
    // The provider asks again who it is.
    await page.getByRole('link', { name: 'Sign in with localhost' }).click();
    await page.getByLabel('User').waitFor();
    await context.close();
  },
);

test('whoever has no group reads so in German, and may come back as somebody else', async () => {
  const { url } = federation.service;
  const { context, page, logIn } = await open({ locale: 'de-DE' });
  await page.goto(url);
  await page.getByRole('link', { name: 'Anmelden mit localhost' }).click();
  await logIn('nora');
  await page.getByRole('alert').getByText('keine Ihrer Gruppen hat hier Zugang: football').waitFor();
  await page.getByRole('link', { name: 'Anmelden mit localhost' }).click();
  await logIn('maria');
  await page.getByRole('heading', { name: 'Wo möchten Sie arbeiten?' }).waitFor();
  await page.getByRole('button', { name: 'acme, als admin' }).click();
  await page.getByText('Maria Weber · acme').waitFor();
  await context.close();
});
