// The ten tasks by mouse, by the keyboard alone and without JavaScript, at both widths: each in six steps at most.
import type { Browser, BrowserContext } from 'playwright-core';
import { sayIn } from '../../../apps/api/console/words/all-words';
import { startBrowser } from '../../support/http/browser';
import { startService } from '../../support/service';
import { startSmtpServer } from '../../support/smtp/smtp-server';
import { keyboard, mouse } from './hands';
import { LOGIN, makeTenant, TEN_TASKS, type Person, type World } from './ten-tasks';

const MOST_STEPS = 6;

let world: World;
let browser: Browser;
beforeAll(async () => {
  const smtp = await startSmtpServer({ auth: LOGIN, tls: 'starttls' });
  smtp.setScript({
    rcpt: ({ recipient = '' }) => (recipient.endsWith('@gmial.com') ? '550 5.1.1 no such user' : undefined),
  });
  world = { smtp, service: await startService() };
  browser = await startBrowser();
});
afterAll(async () => {
  await browser.close();
  await world.service.close();
  await world.smtp.close();
});

const WIDE = { width: 1280, height: 800, language: 'en' } as const;
const PHONE = { width: 390, height: 844, language: 'de' } as const;
const BY = { mouse, keyboard };

describe.each([
  { by: 'mouse', ...WIDE, hasScript: true, tenant: 'mouse-wide' },
  { by: 'mouse', ...PHONE, hasScript: true, tenant: 'mouse-phone' },
  { by: 'keyboard', ...WIDE, hasScript: true, tenant: 'keys-wide' },
  { by: 'keyboard', ...PHONE, hasScript: true, tenant: 'keys-phone' },
  { by: 'mouse', ...WIDE, hasScript: false, tenant: 'plain-wide' },
  { by: 'mouse', ...PHONE, hasScript: false, tenant: 'plain-phone' },
  { by: 'keyboard', ...WIDE, hasScript: false, tenant: 'plain-keys' },
] as const)('by $by, $width px, $language, JavaScript: $hasScript', (how) => {
  let context: BrowserContext;
  let person: Person;
  const complaints: string[] = [];
  beforeAll(async () => {
    const key = await makeTenant(world, how.tenant);
    const { width, height, language, hasScript, tenant } = how;
    const locale = language === 'en' ? 'en-GB' : 'de-DE';
    context = await browser.newContext({ viewport: { width, height }, locale, javaScriptEnabled: hasScript });
    const page = await context.newPage();
    page.setDefaultTimeout(10_000);
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    person = { page, hand: BY[how.by](page), say: sayIn(language), tenant, key, hasScript };
    await page.goto(world.service.url);
  });
  afterAll(() => context.close());

  test.each(TEN_TASKS)('$name', async ({ given, does }) => {
    await given?.(world, person);
    person.hand.begin();
    await does(world, person);
    expect(person.hand.steps()).toBeLessThanOrEqual(MOST_STEPS);
    expect(complaints).toEqual([]);
  });
});
