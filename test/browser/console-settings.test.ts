// Settings and people in the console, in a real browser: mend a password, edit a template, issue and revoke a key, read the audit.
import { readFileSync } from 'node:fs';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { startBrowser } from '../support/http/browser';
import { OPERATOR_KEY, startService, type Service } from '../support/service';
import { startSmtpServer, type SmtpServer } from '../support/smtp/smtp-server';

let service: Service;
let smtp: SmtpServer;
let browser: Browser;
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const LOGIN = { user: 'billing', pass: 'right horse' };

beforeAll(async () => {
  smtp = await startSmtpServer({ auth: LOGIN });
  service = await startService();
  browser = await startBrowser();
});
afterAll(async () => {
  await browser.close();
  await service.close();
  await smtp.close();
});

/** A tenant of each test, whose transport has a wrong password. */
const setUp = async (tenant: string): Promise<void> => {
  await service.ok('PUT', `/v1/tenants/${tenant}`, { from: `Mail <mail@${tenant}.example>` });
  const transport = { host: '127.0.0.1', port: smtp.port, security: 'none', auth: { ...LOGIN, pass: 'wrong' } };
  await service.ok('PUT', `/v1/tenants/${tenant}/transports/default`, transport);
  const html = '<h1>Dear <%= it.name %></h1>';
  await service.ok('PUT', `/v1/tenants/${tenant}/templates/invoice`, { subject: 'Invoice', html });
};

interface Reader {
  page: Page;
  close: () => Promise<void>;
}

const WIDE = { viewport: { width: 1280, height: 900 }, locale: 'en-GB' };
const PHONE = { viewport: { width: 390, height: 844 }, locale: 'de-DE' };

/** Signed in; whatever the browser complains of fails the test when it is closed. */
const signIn = async (options: Parameters<Browser['newContext']>[0], key = OPERATOR_KEY): Promise<Reader> => {
  const context: BrowserContext = await browser.newContext(options);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('console', (message) => {
    const text = `${message.text()} ${message.location().url}`;
    // The browser tells every answer of 4xx, which some tests ask for, and what a preview's own policy keeps from it.
    if (message.type() === 'error' && !/Failed to load resource|\/preview\b/.test(text)) faults.push(text);
  });
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('dialog', () => faults.push('a script ran'));
  page.on('requestfinished', (request) => {
    if (!request.url().startsWith(service.url)) faults.push(`asked for ${request.url()}`);
  });
  await page.goto(service.url);
  await page.fill('#key', key);
  await page.click('button[type=submit]');
  await page.getByRole('navigation').first().waitFor();
  return {
    page,
    async close() {
      await context.close();
      expect(faults).toEqual([]);
    },
  };
};

/** axe finds nothing, and nothing reaches beyond the side. */
const expectSound = async (page: Page): Promise<void> => {
  await page.evaluate(AXE);
  const found = await page.evaluate<string[]>(
    "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes[0].html))",
  );
  expect([page.url(), ...found]).toEqual([page.url()]);
  expect(await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
};

const WORDS = {
  en: {
    pass: 'Password',
    saveTest: 'Save and test',
    works: 'It works',
    not: 'It does not work',
    test: 'Test now',
    paused: 'tenant paused',
  },
  de: {
    pass: 'Passwort',
    saveTest: 'Speichern und prüfen',
    works: 'Es geht',
    not: 'Es geht nicht',
    test: 'Jetzt prüfen',
    paused: 'Mandant pausiert',
  },
} as const;

describe.each([
  ['wide', WIDE, 'en', true],
  ['phone, German', PHONE, 'de', true],
  ['without JavaScript', WIDE, 'en', false],
] as const)('%s', (name, options, language, javaScriptEnabled) => {
  const tenant = `mend-${name.slice(0, 4).trim()}`;
  const words = WORDS[language];
  let reader: Reader;
  let page: Page;
  beforeAll(async () => {
    await setUp(tenant);
    reader = await signIn({ ...options, javaScriptEnabled });
    page = reader.page;
  });
  afterAll(() => reader.close());

  test('a wrong SMTP password is told of, mended and tested', async () => {
    const path = `/v1/tenants/${tenant}/transports/default`;
    await page.goto(`${service.url}/tenants/${tenant}`);
    await page.getByRole('link', { name: 'default', exact: true }).click();
    await page.getByRole('button', { name: words.test }).click();
    await page.getByRole('heading', { name: words.not }).waitFor();
    await page.getByText(/^(?:The server does not take user and password|Der Server nimmt Benutzer)/).waitFor();
    expect(await page.getByRole('listitem').filter({ hasText: '535 5.7.8 wrong user or password' }).count()).toBe(1);
    if (javaScriptEnabled) await expectSound(page);

    await page.getByLabel(words.pass, { exact: true }).fill(LOGIN.pass);
    await page.getByRole('button', { name: words.saveTest }).click();
    await page.getByRole('heading', { name: words.works }).waitFor();
    expect(await page.content()).not.toContain(LOGIN.pass);
    expect(await service.ok('POST', `${path}/verify`)).toMatchObject({ ok: true });
    // Nothing else was touched.
    const { entries } = await service.ok<{ entries: { what: string; fields: object }[] }>(
      'GET',
      `/v1/audit?tenant=${tenant}&about=transport%20patched`,
    );
    expect(entries.map(({ fields }) => Object.keys(fields))).toEqual([['auth']]);
  });

  test('a template is edited, its preview and what changed are seen, an old version is restored', async () => {
    const path = `/v1/tenants/${tenant}/templates/invoice`;
    await page.goto(`${service.url}/tenants/${tenant}/templates/invoice`);
    const preview = page.frameLocator('iframe.mail:not(.coming)');
    await preview.getByRole('heading', { name: 'Dear name' }).waitFor();
    await page.getByLabel('HTML', { exact: true }).fill('<h1>Good day <%= it.name %></h1>');
    if (!javaScriptEnabled) await page.getByRole('button', { name: 'Show preview' }).click();
    await preview.getByRole('heading', { name: 'Good day name' }).waitFor();
    if (javaScriptEnabled) {
      await page.getByLabel('HTML', { exact: true }).fill('<h1>\n<%= it. %></h1>');
      await page
        .getByText(/^line 2, column \d+: /)
        .first()
        .waitFor();
      await page.getByLabel('HTML', { exact: true }).fill('<h1>Good day <%= it.name %></h1>');
    }
    await page.getByRole('button', { name: language === 'de' ? 'Speichern' : 'Save', exact: true }).click();
    await page.getByRole('deletion').filter({ hasText: 'Dear' }).waitFor();
    await page.getByRole('insertion').filter({ hasText: 'Good day' }).waitFor();
    expect(await service.ok('GET', path)).toMatchObject({ version: 2, html: '<h1>Good day <%= it.name %></h1>' });
    if (javaScriptEnabled) await expectSound(page);
    await page.getByRole('button', { name: language === 'de' ? 'Zurückholen 1' : 'Restore 1' }).click();
    await page.getByText(language === 'de' ? 'Version 1 gilt wieder' : 'Version 1 is in use again').waitFor();
    expect(await service.ok('GET', path)).toMatchObject({ version: 3, html: '<h1>Dear <%= it.name %></h1>' });
  });

  test('a key is issued, shown once, and revoked with those that it issued', async () => {
    const de = language === 'de';
    await page.goto(`${service.url}/keys?tenant=${tenant}`);
    if (javaScriptEnabled) await expectSound(page);
    await page.getByLabel(de ? 'Rolle' : 'Role', { exact: true }).selectOption('admin');
    await page.getByLabel('Name').fill('Night shift');
    await page.getByLabel(de ? 'X-Rohrpost-Felder' : 'X-Rohrpost fields').selectOption('1');
    await page.getByRole('button', { name: de ? 'Schlüssel ausstellen' : 'Issue key' }).click();
    const key = (await page.locator('.secret code').textContent()) ?? '';
    expect(key).toMatch(/^rp_/);
    expect(page.url()).not.toContain(key);
    if (javaScriptEnabled) await expectSound(page);
    expect((await service.call('GET', `/v1/tenants/${tenant}`, undefined, { key })).status).toBe(200);
    const under = { role: 'reader', tenant };
    const child = await service.ok<{ key: string }>('POST', '/v1/keys', under, { key });

    await page.goto(`${service.url}/keys?tenant=${tenant}`);
    expect(await page.content()).not.toContain(key);
    const row = page.getByRole('row').filter({ hasText: 'Night shift' }).first();
    expect(await row.textContent()).toContain('smtpControl');
    await row.locator('summary').click();
    await row.getByRole('button').click();
    await page.getByRole('button', { name: de ? 'Alle widerrufen' : 'Revoke them all' }).click();
    await page
      .getByRole('status')
      .filter({ hasText: de ? 'ist widerrufen' : 'is revoked' })
      .waitFor();
    for (const one of [key, child.key])
      expect((await service.call('GET', `/v1/tenants/${tenant}`, undefined, { key: one })).status).toBe(401);
  });

  test('settings are changed where they were touched alone, and who was slower sees both', async () => {
    const de = language === 'de';
    const attempts = () => page.getByLabel(de ? 'Versuche' : 'Attempts', { exact: true });
    const save = () => page.getByRole('button', { name: de ? 'Speichern' : 'Save', exact: true }).click();
    await page.goto(`${service.url}/tenants/${tenant}`);
    if (javaScriptEnabled) await expectSound(page);
    await attempts().fill('0');
    await save();
    await page.getByRole('alert').waitFor();
    expect(await attempts().inputValue()).toBe('0');
    await attempts().fill('7');
    await service.ok('PATCH', `/v1/tenants/${tenant}`, { attempts: 5, archive: true });
    await save();
    await page.getByRole('alert').getByText('5', { exact: true }).waitFor();
    expect(await service.ok('GET', `/v1/tenants/${tenant}`)).toMatchObject({ attempts: 5 });
    await save();
    await page.getByRole('status').waitFor();
    expect(await service.ok('GET', `/v1/tenants/${tenant}`)).toMatchObject({
      from: `Mail <mail@${tenant}.example>`,
      attempts: 7,
      archive: true,
    });
    await page
      .locator('summary')
      .filter({ hasText: de ? 'Mandant pausieren' : 'Pause tenant' })
      .click();
    await page.getByLabel(de ? 'Grund' : 'Reason').fill('=wrong price');
    await page.getByRole('button', { name: de ? 'Mandant pausieren' : 'Pause tenant' }).click();
    await page
      .getByText(/=wrong price/)
      .first()
      .waitFor();
    expect(await service.ok('GET', `/v1/tenants/${tenant}`)).toMatchObject({ enabled: false });
  });

  test('the audit tells who did what, is searched, and is taken along', async () => {
    await page.goto(`${service.url}/audit?tenant=${tenant}&about=paused`);
    if (javaScriptEnabled) await expectSound(page);
    expect(await page.getByRole('row').filter({ hasText: words.paused }).count()).toBe(1);
    expect(await page.getByRole('row').filter({ hasText: 'template put' }).count()).toBe(0);
    const file = async (as: string): Promise<string> =>
      (await page.context().request.get(`${service.url}/audit?tenant=${tenant}&as=${as}`)).text();
    const csv = await file('csv');
    expect(csv.split('\r\n')[0]).toBe('\uFEFFat,by,what,tenant,application,target,reason,fields');
    expect(csv).toContain(`,tenant paused,${tenant},,,'=wrong price,`);
    const lines = (await file('jsonl'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { what: string });
    expect(lines[0]?.what).toBe('tenant paused');
    expect(lines.at(-1)?.what).toBe('tenant put');
  });
});

test('the audit is taken along as a whole, however many pages it has', async () => {
  await setUp('long');
  const MANY = 450;
  for (let n = 1; n <= MANY; n++) await service.ok('PATCH', '/v1/tenants/long', { attempts: n });
  const { page, close } = await signIn(WIDE);
  const answer = await page.context().request.get(`${service.url}/audit?tenant=long&about=tenant%20patched&as=jsonl`);
  const after = (await answer.text())
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { fields: { attempts: { after: number } } }).fields.attempts.after);
  expect(after).toEqual(Array.from({ length: MANY }, (_, n) => MANY - n));
  await close();
});

test('hostile names, templates, replies and reasons are shown, never run', async () => {
  const evil = '<img src=x onerror=alert(1)><script>alert(1)</script>';
  await setUp('hostile');
  const tenant = '/v1/tenants/hostile';
  await service.ok('POST', '/v1/keys', { role: 'reader', tenant: 'hostile', name: evil });
  await service.ok('POST', `${tenant}/pause`, { reason: evil });
  const html = `${evil}<a href="javascript:alert(1)">x</a><img src="https://elsewhere.example/x.png"><p>shown</p>`;
  await service.ok('PUT', `${tenant}/templates/invoice`, { subject: evil, html, text: evil });
  smtp.setScript({ auth: () => `535 5.7.8 ${evil}` });
  const { page, close } = await signIn(WIDE);
  for (const path of ['/tenants/hostile', '/keys', '/audit']) {
    await page.goto(service.url + path);
    expect([path, await page.getByText(evil).count()]).not.toEqual([path, 0]);
    expect(await page.locator('main img, main script').count()).toBe(0);
  }
  await page.goto(`${service.url}/tenants/hostile/templates/invoice?from=1&to=2`);
  await page.frameLocator('iframe.mail:not(.coming)').getByText('shown').waitFor();
  expect(await page.locator('main img, main script').count()).toBe(0);
  await page.goto(`${service.url}/tenants/hostile/transports/default`);
  await page.getByRole('button', { name: 'Test now' }).click();
  await page.getByText(evil).first().waitFor();
  expect(await page.locator('main img, main script').count()).toBe(0);
  smtp.setScript({});
  await page.goto('about:blank');
  await close();
});

test('an administrator of one tenant goes straight to it, and finds nothing of others', async () => {
  await setUp('own');
  await setUp('foreign');
  const { key } = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'admin', tenant: 'own' });
  const { page, close } = await signIn(WIDE, key);
  await page.goto(`${service.url}/tenants`);
  expect(page.url()).toBe(`${service.url}/tenants/own`);
  for (const path of ['/tenants/foreign', '/tenants/foreign/transports/default', '/tenants/foreign/templates/invoice'])
    expect([path, (await page.goto(service.url + path))?.status()]).toEqual([path, 404]);
  await page.goto(`${service.url}/keys`);
  expect(await page.getByText('foreign').count()).toBe(0);
  await close();
});
