// Signing in at the console and out of it: with whose key, from where, how often, and until when.
import type { Browser } from 'playwright-core';
import { startBrowser } from '../support/http/browser';
import { openConsole } from '../support/http/console-page';
import { OPERATOR_KEY, setUpQueue, startService, type Service } from '../support/service';
import { eventually } from '../support/wait';

let service: Service;
let browser: Browser;

beforeAll(async () => {
  service = await startService({ workers: 0 });
  browser = await startBrowser();
  await setUpQueue(service, 'acme/app', 1);
});
afterAll(async () => {
  await browser.close();
  await service.close();
});

const issue = (more: object) => service.ok<{ id: string; key: string }>('POST', '/v1/keys', more);

/** A form as a browser sends it. */
const send = (path: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
  fetch(`${service.url}${path}`, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(form),
  });

const cookieOf = (response: Response): string =>
  (response.headers.getSetCookie().find((one) => one.startsWith('rohrpost_session=')) ?? '').split(';')[0] ?? '';
const signIn = async (key: string): Promise<string> => cookieOf(await send('/session', { key }));
const get = (path: string, cookie: string, more: Record<string, string> = {}) =>
  fetch(`${service.url}${path}`, { headers: { cookie, ...more }, redirect: 'manual' });
/** Shown to somebody who is signed in. */
const isIn = async (cookie: string): Promise<boolean> =>
  (await (await get('/', cookie)).text()).includes('class="bar"');

test('a wrong key and one of a sender say why; a right one leads to where the reader wanted to go', async () => {
  const { page, context } = await (async () => {
    const context = await browser.newContext({ locale: 'en-GB' });
    return { context, page: await context.newPage() };
  })();
  await page.goto(`${service.url}/statistics?by=hour`);
  const enter = async (key: string) => {
    await page.getByLabel('API key').fill(key);
    await page.getByRole('button', { name: 'Sign in' }).click();
  };
  await enter('nonsense');
  await page.getByRole('alert').getByText('This key is not valid here').waitFor();
  await enter((await issue({ role: 'sender', tenant: 'acme' })).key);
  await page.getByRole('alert').getByText('A key with the role sender cannot sign in').waitFor();
  await page.getByLabel('Your name').fill('M. Weber');
  await enter(OPERATOR_KEY);
  await page.getByRole('heading', { level: 1, name: 'Statistics' }).waitFor();
  expect(page.url()).toBe(`${service.url}/statistics?by=hour`);
  await page.getByText('M. Weber').click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('You are signed out.').waitFor();
  await page.goto(`${service.url}/statistics`);
  await page.getByLabel('API key').waitFor();
  await context.close();
});

test('the cookie is for this site and no script; a session ends with its key, with all sessions, and a foreign page starts none', async () => {
  const { id, key } = await issue({ role: 'reader', tenant: 'acme' });
  const [set = ''] = (await send('/session', { key })).headers.getSetCookie();
  expect(set).toMatch(/HttpOnly/);
  expect(set).toMatch(/SameSite=Strict/);
  const [one, other] = [await signIn(key), await signIn(key)];
  expect([await isIn(one), await isIn(other), await isIn('rohrpost_session=none')]).toEqual([true, true, false]);
  await send('/session/end', { all: '1' }, { cookie: one });
  expect([await isIn(one), await isIn(other)]).toEqual([false, false]);
  const last = await signIn(key);
  await service.ok('DELETE', `/v1/keys/${id}`);
  await eventually(async () => expect(await isIn(last)).toBe(false));

  const operator = await signIn(OPERATOR_KEY);
  for (const foreign of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
    for (const [path, form] of [
      ['/session', { key: OPERATOR_KEY }],
      ['/session/end', {}],
      ['/', { do: 'resume-all' }],
    ] as const)
      expect([path, (await send(path, form, { cookie: operator, ...foreign })).status]).toEqual([path, 403]);
  }
  expect(await isIn(operator)).toBe(true);
});

test('open pages hear that something happened, at most once a second, until their session ends', async () => {
  const { key } = await issue({ role: 'admin', tenant: 'acme' });
  const cookie = await signIn(key);
  expect((await get('/console/events', 'rohrpost_session=none')).status).toBe(401);
  const response = await get('/console/events', cookie);
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const told: number[] = [];
  const read = (async () => {
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>)
      if (Buffer.from(chunk).toString().includes('data:')) told.push(performance.now());
  })();
  await eventually(() => expect(told).toHaveLength(1));
  // Events of others, and then three of one's own.
  await setUpQueue(service, 'other/shop', 1);
  await service.addWorker();
  for (const queue of ['other/shop', 'acme/app']) {
    const { length } = told;
    for (let count = 0; count < 3; count++) {
      await service.ok('POST', `/v1/queues/${queue}/pause`);
      await service.ok('POST', `/v1/queues/${queue}/resume`);
    }
    if (queue === 'acme/app') await eventually(() => expect(told.length).toBeGreaterThan(length));
    else expect(told).toHaveLength(1);
  }
  const [first = 0, second = 0] = told;
  expect(second - first).toBeGreaterThan(950);
  await send('/session/end', {}, { cookie });
  await read;
});

test('a link signs in once, on this machine alone, whose key asked for it', async () => {
  const { key } = await issue({ role: 'admin', tenant: 'acme', name: 'the boss' });
  const ask = (headers: Record<string, string> = {}) =>
    fetch(`${service.url}/session/once`, { method: 'POST', headers: { authorization: `Bearer ${key}`, ...headers } });
  expect((await fetch(`${service.url}/session/once`, { method: 'POST' })).status).toBe(401);
  const sender = (await issue({ role: 'sender', tenant: 'acme' })).key;
  expect((await ask({ authorization: `Bearer ${sender}` })).status).toBe(403);
  expect((await ask({ 'x-forwarded-for': '192.0.2.1' })).status).toBe(403);
  const { path } = (await (await ask()).json()) as { path: string };
  expect((await get(path, '', { 'x-forwarded-for': '192.0.2.1' })).status).toBe(403);
  const followed = await get(path, '');
  expect([followed.status, followed.headers.get('location')]).toEqual([303, '/']);
  expect(await (await get('/', cookieOf(followed))).text()).toContain('the boss · acme');
  const again = await get(path, '');
  expect([again.status, cookieOf(again), await again.text()]).toEqual([
    401,
    '',
    expect.stringContaining('This link has been used') as string,
  ]);
});

test('whoever tries many keys waits; whose key was right from here before does not', async () => {
  const { context } = await openConsole(browser, service.url, OPERATOR_KEY);
  await context.close();
  const answers: number[] = [];
  for (let count = 0; count < 130; count++) answers.push((await send('/session', { key: `wrong ${count}` })).status);
  expect([answers[0], answers.at(-1)]).toEqual([401, 429]);
  expect(await (await send('/session', { key: 'wrong' })).text()).toContain('too many wrong keys');
  expect(await isIn(await signIn(OPERATOR_KEY))).toBe(true);
});
