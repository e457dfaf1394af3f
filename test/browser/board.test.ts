// Bull Board in a real browser: a typo in an address, corrected and released by hand.
import type { Browser, Locator, Page } from 'playwright-core';
import { startBrowser } from '../support/http/browser';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../support/service';
import { startSmtpServer, type SmtpServer } from '../support/smtp/smtp-server';
import { eventually } from '../support/wait';

let service: Service;
let smtp: SmtpServer;
let browser: Browser;

beforeAll(async () => {
  smtp = await startSmtpServer();
  smtp.setScript({ rcpt: ({ recipient }) => (recipient?.startsWith('amn') ? '550 5.1.1 no such user' : undefined) });
  service = await startService();
  browser = await startBrowser();
});
afterAll(async () => {
  await browser.close();
  await service.close();
  await smtp.close();
});

/** The buttons of a job's card have no names, only their order: retry, duplicate, edit, remove. */
const cardButtons = async (page: Page): Promise<Locator[]> => {
  const found: { x: number; button: Locator }[] = [];
  for (const button of await page.locator('button:has(svg)').all()) {
    const box = await button.boundingBox();
    if (box !== null && box.y > 120 && box.y < 230 && box.x > 1_000) found.push({ x: box.x, button });
  }
  return found.sort((a, b) => a.x - b.x).map(({ button }) => button);
};

test('a failed email is corrected with the editor, released with the retry button, and sent', async () => {
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port);
  await setUpQueue(service, 'other/shop', smtp.port);
  const { id } = await service.ok<EmailBody>(
    'POST',
    emails,
    anEmail({ to: ['amn@example.org'], subject: 'Invoice 114' }),
  );
  await eventually(async () => expect((await service.email(queue, id)).state).toBe('failed'));

  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    httpCredentials: { username: 'x', password: OPERATOR_KEY },
  });
  const page = await context.newPage();
  const loaded: string[] = [];
  page.on('requestfinished', (request) => loaded.push(request.url()));
  await page.goto(`${service.url}/board/queue/acme.app/${id}`);
  await page.getByText('amn@example.org · Invoice 114').waitFor();
  await page.getByText('refused: at RCPT TO: amn@example.org: 550 5.1.1 no such user').waitFor();
  expect(await page.getByRole('link', { name: 'shop' }).count()).toBe(1);

  const buttons = await eventually(async () => {
    const found = await cardButtons(page);
    expect(found).toHaveLength(4);
    return found;
  });
  await buttons[2]?.click();
  const editor = page.locator('.cm-content');
  await editor.waitFor();
  const text = JSON.stringify({ ...((await stored(id)) as object), to: [{ address: 'ann@example.org' }] });
  await editor.focus();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText(text);
  await page.getByRole('button', { name: 'Update' }).click();
  await eventually(async () => expect((await service.email(queue, id))['to']).toEqual(['ann@example.org']));
  await page.getByText('ann@example.org · Invoice 114').waitFor();

  await (await cardButtons(page))[0]?.click();
  const confirm = page.getByRole('button', { name: 'Confirm' });
  await Promise.race([confirm.click(), smtp.waitForMessages(1)]);
  await smtp.waitForMessages(1);
  const email = await eventually(async () => {
    const now = await service.email(queue, id);
    expect(now.state).toBe('sent');
    return now;
  });
  expect(email.changes.map(({ what, by }) => [what, by])).toEqual([
    ['corrected', 'operator'],
    ['released', 'operator'],
  ]);
  expect(loaded.filter((url) => !url.startsWith(service.url))).toEqual([]);
  await context.close();
});

const stored = async (id: string): Promise<unknown> => {
  const answer = await fetch(`${service.url}/board/api/queues/acme.app/${id}`, {
    headers: { authorization: `Basic ${Buffer.from(`x:${OPERATOR_KEY}`).toString('base64')}` },
  });
  return ((await answer.json()) as { job: { data: unknown } }).job.data;
};
