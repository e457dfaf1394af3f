// `npm run screenshots`: pictures of the console with the demo of a service that `npm start` runs, for README and docs.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type BrowserContext } from 'playwright-core';
import { readDemo } from './demo/demo';
import { signInLink } from './demo/sign-in-link';
import { readOptions } from './options';
import { reasonOf } from './telling';

interface Shot {
  /** Of the file, in docs/images. */
  name: string;
  /** Path of the page; one that is not there is left out. */
  path: string;
  width: number;
  height: number;
  scheme: 'light' | 'dark';
  locale: 'en-GB' | 'de-DE';
}

const WIDE = { width: 1_280, height: 900, scheme: 'light', locale: 'en-GB' } as const;
const PHONE = { width: 390, height: 844, scheme: 'dark', locale: 'de-DE' } as const;
const IMAGES = join(__dirname, '../docs/images');

const get = async <T>(api: string, key: string, path: string): Promise<T> => {
  const response = await fetch(`${api}${path}`, { headers: { authorization: `Bearer ${key}` } });
  if (!response.ok) throw new Error(`GET ${path} answered ${response.status}`);
  return (await response.json()) as T;
};

/** The pages that show most: of an email whose address is wrong, and of the incident that it stands in. */
const shotsOf = async (api: string, key: string): Promise<Shot[]> => {
  const { emails } = await get<{ emails: { id: string }[] }>(api, key, '/v1/queues/demo/app/emails?state=failed');
  const { incidents } = await get<{ incidents: { id: string; cause: { reply?: string } }[] }>(
    api,
    key,
    '/v1/tenants/demo/incidents',
  );
  const incident = incidents.find(({ cause }) => cause.reply?.startsWith('550'));
  return [
    { name: 'console-start', path: '/', ...WIDE },
    { name: 'console-email', path: `/queues/demo/app/emails/${emails.at(-1)?.id ?? ''}`, ...WIDE },
    { name: 'console-incident', path: `/incidents/${incident?.id ?? ''}`, ...WIDE },
    { name: 'console-statistics', path: '/statistics?by=hour', ...WIDE },
    { name: 'console-phone', path: '/', ...PHONE },
  ];
};

const take = async (context: BrowserContext, api: string, { name, path }: Shot): Promise<void> => {
  const page = await context.newPage();
  const answer = await page.goto(`${api}${path}`);
  if (answer?.status() !== 200) return console.log(`${name}: ${path} answered ${answer?.status()}, left out`);
  const bytes = await page.screenshot({ type: 'png', scale: 'css', animations: 'disabled' });
  writeFileSync(join(IMAGES, `${name}.png`), bytes);
  console.log(`${name}.png, ${Math.round(bytes.length / 1_024)} kB`);
};

const main = async (): Promise<void> => {
  const options = readOptions([], process.env);
  if (options === 'help') return;
  const { api, admin } = readDemo(options.dataDir);
  const browser = await chromium.launch({
    executablePath: process.env['ROHRPOST_TEST_CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu'],
  });
  try {
    for (const shot of await shotsOf(api, admin)) {
      const { width, height, scheme, locale } = shot;
      const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, locale });
      const link = await signInLink(api, admin);
      if (link === undefined) throw new Error(`${api} gives no link to sign in with`);
      await (await context.newPage()).goto(link);
      await take(context, api, shot);
      await context.close();
    }
  } finally {
    await browser.close();
  }
};

main().catch((error: unknown) => {
  console.error(`No pictures: ${reasonOf(error)}. Is npm start running, with its demo?`);
  process.exitCode = 1;
});
