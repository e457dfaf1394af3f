// The reference of the API in a browser: every operation, nothing from elsewhere, no script, no key; and the client on a page.
import { createHmac } from 'node:crypto';
import { createServer, request as ask, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { ENDPOINTS } from '../../apps/api/routes/all-endpoints';
import { startBrowser } from '../support/http/browser';
import { scrollsSideways } from '../support/http/console-page';
import { bundleClient } from '../support/http/load-client';
import { OPERATOR_KEY, setUpQueue, startService, type Service } from '../support/service';

let service: Service;
let browser: Browser;

beforeAll(async () => {
  service = await startService({ workers: 0 });
  browser = await startBrowser();
});
afterAll(async () => {
  await browser.close();
  await service.close();
});

const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

/** A page, and the origins that it asks. */
const open = async (url: string, options: { javaScriptEnabled?: boolean; width?: number } = {}) => {
  const { width = 1280, ...more } = options;
  const context = await browser.newContext({ ...more, viewport: { width, height: 800 } });
  const page = await context.newPage();
  const origins = new Set<string>();
  const complaints: string[] = [];
  page.on('request', (request) => origins.add(new URL(request.url()).origin));
  page.on('console', (message) => complaints.push(message.text()));
  await page.goto(url);
  return { page, context, origins, complaints };
};

const anchors = (page: Page): Promise<string[]> =>
  page.evaluate(`[...document.querySelectorAll('section[id]')].map(({ id }) => id)`);

test('shows every operation without a key, a script or anything from elsewhere', async () => {
  const { page, context, origins, complaints } = await open(`${service.url}/docs`, { javaScriptEnabled: false });
  const shown = await anchors(page);
  expect(ENDPOINTS.map(({ id }) => id).filter((id) => !shown.includes(id))).toEqual([]);
  const accept = page.locator('#acceptEmail');
  for (const words of ['/v1/queues/{tenant}/{application}/emails', 'Idempotency-Key', '202', 'Needs the role sender'])
    expect(await accept.textContent()).toContain(words);
  expect([...origins]).toEqual([new URL(service.url).origin]);
  expect(complaints).toEqual([]);

  await page.getByLabel('Find an operation').fill('batch idempotencyKey');
  await page.getByRole('button', { name: 'Find' }).click();
  expect(await page.getByRole('status').textContent()).toContain('1 found');
  expect(await anchors(page)).toContain('acceptBatch');
  expect(await anchors(page)).not.toContain('putTenant');
  await context.close();
});

test('its links lead somewhere, on a phone too, and axe finds nothing', async () => {
  const { page, context } = await open(`${service.url}/docs`, { width: 390 });
  const broken = await page.evaluate(
    `[...document.querySelectorAll('a[href^="#"]')].map((link) => link.hash.slice(1)).filter((id) => document.getElementById(id) === null)`,
  );
  expect(broken).toEqual([]);
  expect(await scrollsSideways(page)).toBe(false);
  await page.evaluate(axe);
  expect(await page.evaluate('axe.run().then(({ violations }) => violations.map(({ id }) => id))')).toEqual([]);
  await context.close();
});

/** A site whose page uses the client, and which hands what is under /v1 to the API. */
const startSite = async (script: string): Promise<Server> => {
  const { port } = new URL(service.url);
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/v1/') === true) {
      const { method, url, headers } = request;
      const asked = ask({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      request.pipe(asked);
    } else if (request.url === '/client.js') response.setHeader('content-type', 'text/javascript').end(script);
    else response.setHeader('content-type', 'text/html').end('<!doctype html><title>Site</title>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
};

test('the client works with a browser’s fetch and Web Crypto', async () => {
  await setUpQueue(service, 'acme/app', 1);
  const site = await startSite(await bundleClient('esm'));
  const { page, context } = await open(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`);
  const at = String(Math.floor(Date.now() / 1_000));
  const body = '{"type":"email.sent"}';
  const signature = createHmac('sha256', 'secret').update(`msg_1.${at}.${body}`).digest('base64');
  const headers = { 'webhook-id': 'msg_1', 'webhook-timestamp': at, 'webhook-signature': `v1,${signature}` };
  const secret = `whsec_${Buffer.from('secret').toString('base64')}`;
  const found = await page.evaluate(`(async () => {
    const { createClient, verifyWebhook } = await import('/client.js');
    const { emails } = createClient({ url: '', key: '${OPERATOR_KEY}' });
    const { id } = await emails.send('acme/app', { to: 'ann@example.org', subject: 'Hello', text: 'Hello' });
    const listed = [];
    for await (const email of emails.list({ queue: 'acme/app' })) listed.push(email.id === id);
    const refused = await emails.send('acme/app', { to: 'nobody' }).catch(({ code }) => code);
    const { type } = await verifyWebhook('${body}', ${JSON.stringify(headers)}, '${secret}');
    return { listed, refused, type };
  })()`);
  expect(found).toEqual({ listed: [true], refused: 'invalid', type: 'email.sent' });
  await context.close();
  await new Promise((resolve) => site.close(resolve));
});
