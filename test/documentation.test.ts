// What the docs say of variables, settings and their defaults is what the code has; links lead somewhere.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ApiEnv } from '../apps/api/config';
import { SmtpEnv } from '../apps/smtp/config';
import { WorkerEnv } from '../apps/worker/config';
import { FAILURE_CODES } from '../libs/mail/email/failure';
import { STATES } from '../libs/mail/email/state';
import { EMAIL_SETTINGS, QueueSettings, resolveSettings, TenantSettings } from '../libs/mail/settings/settings';

const ROOT = join(__dirname, '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const page = read('docs/configuration.md');

/** Rows of the table whose first column has this title: its cells by row. */
const table = (title: string): string[][] => {
  const lines = page.split('\n');
  const from = lines.findIndex((line) => line.startsWith(`| ${title} `));
  const to = lines.findIndex((line, index) => index > from && !line.startsWith('|'));
  return lines.slice(from + 2, to).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
};
const quoted = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);

const DEFAULTS: Record<string, unknown> = {
  REDIS_URL: 'redis://127.0.0.1',
  ROHRPOST_OPERATOR_KEY: 'o'.repeat(32),
  ROHRPOST_SECRET_KEYS: `k1:${Buffer.alloc(32).toString('base64')}`,
};
/** Which process reads a variable. */
const READERS = { API: ApiEnv.shape, worker: WorkerEnv.shape, SMTP: SmtpEnv.shape };
/** Variables that are read by something else than the services, or not by their name. */
const OF_TOOLS = [
  'ROHRPOST_INBOX_SMTP_PORT',
  'ROHRPOST_INBOX_HTTP_PORT',
  'ROHRPOST_NO_DOWNLOAD',
  'ROHRPOST_PROXY_PORT',
  'WORKERS',
];

describe('variables', () => {
  const rows = table('variable');
  const documented = rows.flatMap(([names]) => quoted(names));
  const known = [...new Set(Object.values(READERS).flatMap((shape) => Object.keys(shape)))];

  test('docs/configuration.md and .env.example name each, and no other', () => {
    const example = [...read('.env.example').matchAll(/^([A-Z][A-Z0-9_]*)=/gm)].map(([, name = '']) => name);
    expect([...documented].sort()).toEqual([...known, ...OF_TOOLS].sort());
    expect([...example].sort()).toEqual([...known, ...OF_TOOLS].sort());
  });

  test('docker-compose.yml hands each on that its image does not set', () => {
    const compose = read('docker-compose.yml');
    const ofImage = ['ROHRPOST_DATA_DIR', 'ROHRPOST_HTTP_PORT', 'ROHRPOST_HTTP_HOST', 'ROHRPOST_SMTP_TLS_PORT'];
    const wanted = known.filter((name) => !ofImage.includes(name));
    expect(wanted.filter((name) => !new RegExp(`^ +${name}:`, 'm').test(compose))).toEqual([]);
  });

  test('each is said to be read by the process that reads it', () => {
    for (const [names, , readBy] of rows) {
      for (const name of quoted(names).filter((one) => !OF_TOOLS.includes(one))) {
        const who = Object.entries(READERS).flatMap(([reader, shape]) => (name in shape ? reader : []));
        expect([name, readBy]).toEqual([name, who.length === 3 ? 'all' : who.join(', ')]);
      }
    }
  });

  test('each default is the one that the code has', () => {
    const api: Record<string, unknown> = ApiEnv.parse(DEFAULTS);
    const worker: Record<string, unknown> = WorkerEnv.parse(DEFAULTS);
    const smtp: Record<string, unknown> = SmtpEnv.parse(DEFAULTS);
    const spans: Record<string, string> = { '30s': '30000', '1s': '1000', '1m': '60000', '8h': '28800000' };
    for (const [names, given = ''] of rows) {
      const [written] = quoted(given);
      for (const name of quoted(names)) {
        if (OF_TOOLS.includes(name) || written === undefined || name in DEFAULTS || given.includes('needed')) continue;
        expect([name, String(api[name] ?? worker[name] ?? smtp[name])]).toEqual([name, spans[written] ?? written]);
      }
    }
  });
});

describe('settings', () => {
  const rows = table('setting');
  const levels = {
    tenant: Object.keys(TenantSettings.shape),
    queue: Object.keys(QueueSettings.shape),
    email: Object.keys(EMAIL_SETTINGS),
  };

  test('each stands in the table with the levels that take it', () => {
    const wanted = [...new Set(Object.values(levels).flat())].map((name) => [
      name,
      Object.entries(levels)
        .filter(([, names]) => names.includes(name))
        .map(([level]) => level)
        .join(', '),
    ]);
    expect(rows.map(([name, , on]) => [quoted(name)[0], on]).sort()).toEqual(wanted.sort());
  });

  test('each default is the one that holds where nobody gives another', () => {
    const resolved = resolveSettings() as unknown as Record<string, unknown>;
    const ms = (text: string): number =>
      Number.parseInt(text, 10) * ({ s: 1e3, h: 36e5, d: 864e5 }[text.slice(-1)] ?? 1);
    for (const [name, given = ''] of rows) {
      const key = quoted(name)[0] ?? '';
      const [written] = quoted(given);
      if (written === undefined || key === 'enabled') continue;
      const value = JSON.parse(written) as unknown;
      if (key === 'expiresAfter') expect(resolved[key]).toBe(ms(String(value)));
      else if (key === 'backoff') {
        const { delay, maxDelay, ...rest } = value as { delay: string; maxDelay: string };
        expect(resolved[key]).toEqual({ ...rest, delay: ms(delay), maxDelay: ms(maxDelay) });
      } else expect([key, resolved[key]]).toEqual([key, value]);
    }
  });
});

test('links between the pages lead to files and headings that are there', () => {
  const pages = ['README.md', 'CONTRIBUTING.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)];
  const slug = (heading: string): string =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replace(/ /g, '-');
  const broken: string[] = [];
  for (const path of pages.filter((name) => name.endsWith('.md'))) {
    for (const [, target = ''] of read(path).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [file = '', heading] = target.split('#');
      const full = file === '' ? path : join(dirname(path), file);
      const there = existsSync(join(ROOT, full));
      const headings =
        there && heading !== undefined ? [...read(full).matchAll(/^#+ (.+)$/gm)].map(([, one = '']) => slug(one)) : [];
      if (!there || (heading !== undefined && !headings.includes(heading))) broken.push(`${path}: ${target}`);
    }
  }
  expect(broken).toEqual([]);
});

test('comments and pages cite no page that is not here', () => {
  const walk = (folder: string): string[] =>
    readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? walk(join(folder, entry.name)) : [join(folder, entry.name)],
    );
  const sources = ['apps', 'libs', 'dev', 'bench', 'test', 'docs']
    .flatMap(walk)
    .filter((path) => /\.(ts|mjs|md)$/.test(path));
  const missing = sources.flatMap((path) =>
    [...read(path).matchAll(/(?<![\w./*`$-])([\w-]+(?:\/[\w-]+)*\.md)\b/g)]
      .map(([, cited = '']) => cited)
      .filter(
        (cited) => ![cited, `docs/${cited}`, join(dirname(path), cited)].some((one) => existsSync(join(ROOT, one))),
      )
      .map((cited) => `${path}: ${cited}`),
  );
  expect(missing).toEqual([]);
});

test('docs/lifecycle.md lists every failure code, and no other', () => {
  const [, list = ''] = /^(Codes of `failed`:[\s\S]+)$/m.exec(read('docs/lifecycle.md')) ?? [];
  const states: readonly string[] = STATES;
  const codes = FAILURE_CODES.filter((code) => !states.includes(code));
  expect(
    quoted(list)
      .filter((word) => word !== 'failed')
      .sort(),
  ).toEqual([...codes].sort());
  expect(new Set(FAILURE_CODES).size).toBe(FAILURE_CODES.length);
});

test('a word of the glossary is the name of the file that it says, and of no other', () => {
  const walk = (folder: string): string[] =>
    readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? walk(join(folder, entry.name)) : [join(folder, entry.name)],
    );
  const sources = ['apps', 'libs'].flatMap(walk).filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'));
  const rows = [...read('docs/glossary.md').matchAll(/^\| ([a-z -]+?) +\|[^|]+\| +(?:`([^`]+)`)? +\|$/gm)];
  expect(rows.length).toBeGreaterThan(30);
  const named = new Map(rows.map(([, word = '', file]) => [word, file]));
  expect([...named.values()].filter((file) => file !== undefined && !sources.includes(file))).toEqual([]);
  const wrong = sources.filter((path) => {
    const name = basename(path, '.ts');
    const word = [name, name.replace(/s$/, '')].find((one) => named.has(one));
    // Where a resource is kept, shown and answered, its file has its name.
    const isOfResource = /^(apps\/api\/(routes|answers|views)|libs\/store\/registries)\//.test(path);
    return word !== undefined && !isOfResource && named.get(word) !== path;
  });
  expect(wrong).toEqual([]);
});
