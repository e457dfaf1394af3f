// What lint cannot see of the house: floors, rings, homes of packages, names, and first lines.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const ROOT = join(__dirname, '..');

const FLOOR: Record<string, number> = {
  'libs/mail': 0,
  'libs/runtime': 0,
  'libs/store': 1,
  'libs/content': 1,
  'libs/queue': 2,
  'libs/render': 3,
  'libs/send': 3,
  'libs/events': 3,
  'apps/api': 4,
  'apps/worker': 4,
};

/** Packages that are a common tongue or a mere container; every other one has one home. */
const EVERYWHERE = new Set(['zod', 'lru-cache']);

const walk = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? walk(join(folder, entry.name)) : [join(folder, entry.name)],
  );

const files = [...walk('libs'), ...walk('apps')].filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'));
const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const roomOf = (path: string): string => path.split('/').slice(0, 2).join('/');
const importsOf = (path: string): string[] =>
  [...text(path).matchAll(/^(?:import|export)[^'"]*?from '([^']+)';/gms)].map(([, from = '']) => from);

const arrows = files.flatMap((path) =>
  importsOf(path)
    .filter((from) => from.startsWith('.'))
    .map((from) => ({ path, from: roomOf(path), to: roomOf(relative(ROOT, join(ROOT, dirname(path), from))) }))
    .filter(({ from, to }) => from !== to),
);

test('there are arrows to look at', () => {
  expect(files.length).toBeGreaterThan(50);
  expect(arrows.length).toBeGreaterThan(50);
});

test('every room has a floor, and every arrow points down', () => {
  const wrong = arrows.filter(({ from, to }) => !((FLOOR[to] ?? 9) < (FLOOR[from] ?? -1)));
  expect(wrong).toEqual([]);
});

test('the API cannot open an SMTP connection', () => {
  expect(arrows.filter(({ from, to }) => from === 'apps/api' && to === 'libs/send')).toEqual([]);
});

test('each package has one home', () => {
  const homes = new Map<string, Set<string>>();
  for (const path of files) {
    for (const from of importsOf(path).filter((name) => !name.startsWith('.') && !name.startsWith('node:'))) {
      const name = from.startsWith('@') ? from.split('/').slice(0, 2).join('/') : (from.split('/')[0] ?? '');
      if (!EVERYWHERE.has(name)) homes.set(name, (homes.get(name) ?? new Set()).add(roomOf(path)));
    }
  }
  expect([...homes].filter(([, rooms]) => rooms.size > 1).map(([name, rooms]) => [name, ...rooms])).toEqual([]);
  expect(homes.get('bullmq')).toEqual(new Set(['libs/queue']));
});

test('no file is named after nothing', () => {
  const banned = /(^|\/)(index|types|constants|utils?|common|shared|helpers?|services?|manager)(\.ts|\/)/;
  expect(files.filter((path) => banned.test(path))).toEqual([]);
});

test('every file says its one reason to exist in its first line', () => {
  expect(files.filter((path) => !/^\/\/ \S.{10,}/.test(text(path)))).toEqual([]);
});
