// What lint cannot see of the house: floors, rings, homes of packages, names, and first lines.
import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { preProcessFile } from 'typescript';

const ROOT = join(__dirname, '..');

const FLOOR: Record<string, number> = {
  'libs/mail': 0,
  'libs/runtime': 0,
  'libs/store': 1,
  'libs/content': 1,
  'libs/fetch': 1,
  'libs/jobs': 2,
  'libs/internal-queues': 2,
  'libs/oauth': 2,
  'libs/dispatch': 3,
  'libs/render': 3,
  'libs/send': 3,
  'libs/events': 3,
  'libs/intake': 4,
  'libs/administration': 5,
  'apps/api': 6,
  'apps/worker': 6,
  'apps/smtp': 6,
  'apps/reseal': 6,
  'apps/cli': 6,
};

/** Packages that are a common tongue or a mere container; every other one has one home. S3 is reached without the guard of libs/fetch. */
const EVERYWHERE = new Set(['zod', 'lru-cache', 'undici', 'bullmq']);

const walk = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? walk(join(folder, entry.name)) : [join(folder, entry.name)],
  );

const everything = [...walk('libs'), ...walk('apps')];
const files = everything.filter((path) => /\.tsx?$/.test(path));
const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const roomOf = (path: string): string => path.split('/').slice(0, 2).join('/');
/** By the compiler's own eyes: an `import()`, a `require` and an import for its effect are arrows too. */
const importsOf = (path: string): string[] =>
  preProcessFile(text(path), true, true).importedFiles.map(({ fileName }) => fileName);

const arrowsBetween = (paths: string[], placeOf: (path: string) => string) =>
  paths.flatMap((path) =>
    importsOf(path)
      .filter((from) => from.startsWith('.'))
      .map((from) => ({ path, from: placeOf(path), to: placeOf(join(dirname(path), from)) }))
      .filter(({ from, to }) => from !== to),
  );

const arrows = arrowsBetween(files, roomOf);

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

test('rooms form no ring, whatever their floors; nor do the folders in them', () => {
  expect(ringsIn(arrows)).toEqual([]);
  const withoutTests = files.filter((path) => !path.endsWith('.test.ts'));
  expect(ringsIn(arrowsBetween(withoutTests, dirname))).toEqual([]);
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
});

/** Files of a room's sources, without its tests. */
const sources = files.filter((path) => !path.endsWith('.test.ts'));
const outside = (...rooms: string[]): string[] => sources.filter((path) => !rooms.includes(roomOf(path)));
const found = (paths: string[], pattern: RegExp): string[] => paths.filter((path) => pattern.test(text(path)));

test('BullMQ and its keys are known to the jobs and to the internal queues alone', () => {
  expect(found(sources, /from 'bullmq'/).map(roomOf)).toContain('libs/jobs');
  expect(found(outside('libs/jobs', 'libs/internal-queues'), /from 'bullmq'/)).toEqual([]);
  // What an opened queue has inside, and how BullMQ's keys are made.
  expect(
    found(outside('libs/jobs', 'libs/store', 'libs/internal-queues'), /\.(bull|backend)\b|keys\.(job|log|lock|bull)\b/),
  ).toEqual([]);
});

test('the processes send Redis no command of their own', () => {
  const apps = sources.filter((path) => path.startsWith('apps/'));
  expect(
    found(apps, /redis\s*\.\s*(?!disconnect|status|on\b)[a-z]+\(|\.(multi|pipeline)\(|store\/redis\/keys'/),
  ).toEqual([]);
});

test('a folder has at most 15 files besides their tests', () => {
  const sizes = new Map<string, number>();
  for (const path of sources) sizes.set(dirname(path), (sizes.get(dirname(path)) ?? 0) + 1);
  expect([...sizes].filter(([, size]) => size > 15)).toEqual([]);
});

test('no file and no folder is named after nothing', () => {
  const banned = /(^|\/)(index|types|constants|utils?|common|shared|helpers?|services?|manager)(\.|\/)/;
  expect(everything.filter((path) => banned.test(path))).toEqual([]);
});

test('every file says its one reason to exist in its first line', () => {
  expect(files.filter((path) => !/^\/\/ \S.{10,}/.test(text(path)))).toEqual([]);
});
