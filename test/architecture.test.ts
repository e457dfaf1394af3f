// What lint cannot see of the house: floors, rings, homes of packages, names, and first lines.
import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { preProcessFile } from 'typescript';

const ROOT = join(__dirname, '..');

const FLOOR: Record<string, number> = {
  'libs/mail': 0,
  'libs/runtime': 0,
  'libs/store': 1,
  'libs/content': 1,
  'libs/fetch': 1,
  'libs/queue': 2,
  'libs/oauth': 2,
  'libs/render': 3,
  'libs/send': 3,
  'libs/events': 3,
  'apps/api': 4,
  'apps/worker': 4,
};

/** Packages that are a common tongue or a mere container; every other one has one home. S3 is reached without the guard of libs/fetch. */
const EVERYWHERE = new Set(['zod', 'lru-cache', 'undici']);

const walk = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? walk(join(folder, entry.name)) : [join(folder, entry.name)],
  );

const everything = [...walk('libs'), ...walk('apps')];
const files = everything.filter((path) => path.endsWith('.ts'));
const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const roomOf = (path: string): string => path.split('/').slice(0, 2).join('/');
/** By the compiler's own eyes: an `import()`, a `require` and an import for its effect are arrows too. */
const importsOf = (path: string): string[] =>
  preProcessFile(text(path), true, true).importedFiles.map(({ fileName }) => fileName);

const arrows = files.flatMap((path) =>
  importsOf(path)
    .filter((from) => from.startsWith('.'))
    .map((from) => ({ path, from: roomOf(path), to: roomOf(relative(ROOT, join(ROOT, dirname(path), from))) }))
    .filter(({ from, to }) => from !== to),
);

/** Takes away, again and again, each room that opens no other; rooms of a ring, and those that lead to one, remain. */
const ringsIn = (left: typeof arrows): string[] => {
  const open = new Set(left.map(({ from }) => from));
  const rest = left.filter(({ to }) => open.has(to));
  return rest.length === left.length ? [...open] : ringsIn(rest);
};

test('there are arrows to look at', () => {
  expect(files.length).toBeGreaterThan(50);
  expect(arrows.length).toBeGreaterThan(50);
});

test('every room has a floor, and every arrow points down', () => {
  expect(files.filter((path) => !(roomOf(path) in FLOOR))).toEqual([]);
  const wrong = arrows.filter(({ from, to }) => !((FLOOR[to] ?? 9) < (FLOOR[from] ?? -1)));
  expect(wrong).toEqual([]);
});

test('rooms form no ring, whatever their floors', () => {
  expect(ringsIn(arrows)).toEqual([]);
});

test('the API cannot open an SMTP connection', () => {
  expect(arrows.filter(({ from, to }) => from === 'apps/api' && to === 'libs/send')).toEqual([]);
});

test('each package has one home', () => {
  const homes = new Map<string, Set<string>>();
  for (const path of files.filter((name) => !name.endsWith('.test.ts'))) {
    for (const from of importsOf(path).filter((name) => !name.startsWith('.') && !isBuiltin(name))) {
      const name = from.startsWith('@') ? from.split('/').slice(0, 2).join('/') : (from.split('/')[0] ?? '');
      if (!EVERYWHERE.has(name)) homes.set(name, (homes.get(name) ?? new Set()).add(roomOf(path)));
    }
  }
  expect([...homes].filter(([, rooms]) => rooms.size > 1).map(([name, rooms]) => [name, ...rooms])).toEqual([]);
  expect(homes.get('bullmq')).toEqual(new Set(['libs/queue']));
});

test('no file and no folder is named after nothing', () => {
  const banned = /(^|\/)(index|types|constants|utils?|common|shared|helpers?|services?|manager)(\.|\/)/;
  expect(everything.filter((path) => banned.test(path))).toEqual([]);
});

test('every file says its one reason to exist in its first line', () => {
  expect(files.filter((path) => !/^\/\/ \S.{10,}/.test(text(path)))).toEqual([]);
});
