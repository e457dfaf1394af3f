// The keeper of a process: says why one did not come up, brings one back that died, ends one for good.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keepRunning, type Child } from './child';

let folder: string;
let child: Child | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rohrpost-child-'));
  writeFileSync(join(folder, 'preload.js'), '');
});
afterEach(async () => {
  await child?.stop();
  rmSync(folder, { recursive: true });
});

const keep = (source: string, say: (line: string) => void = () => undefined): Child => {
  const file = join(folder, 'main.js');
  writeFileSync(file, source);
  const [preload, logFile] = [join(folder, 'preload.js'), join(folder, 'child.log')];
  child = keepRunning({ name: 'api', file, preload, logFile, say, env: process.env, pauses: { first: 1, longest: 4 } });
  return child;
};

test('one that dies before it is ready is told with the end of its log, and only of its own', async () => {
  writeFileSync(join(folder, 'child.log'), 'from an earlier life\n');
  const line = JSON.stringify({ level: 60, message: 'The configuration is wrong', error: { message: 'no key' } });
  const { ready } = keep(`console.log('${line}'); process.exitCode = 78;`);
  const error: unknown = await ready.catch((reason: unknown) => reason);
  expect(String(error)).toMatch(/api ended with code 78[^]*ERROR The configuration is wrong: no key/);
  expect(String(error)).not.toContain('earlier life');
});

test('one that dies later is started again, and both are said', async () => {
  const counter = join(folder, 'starts');
  const source = `require('node:fs').appendFileSync(${JSON.stringify(counter)}, 'x');
    process.send({ ready: true });
    if (require('node:fs').readFileSync(${JSON.stringify(counter)}, 'utf8') === 'x') process.exitCode = 1;
    else process.on('message', () => undefined);`;
  const said: string[] = [];
  await new Promise<void>((resolve) => {
    keep(source, (line) => {
      said.push(line);
      if (line.includes('runs again')) resolve();
    });
  });
  expect(said[0]).toMatch(/^api ended with code 1; starting it again in 0.001 s/);
  expect(readFileSync(counter, 'utf8')).toBe('xx');
});

test('stopped, it is asked by SIGTERM and not started again', async () => {
  const said: string[] = [];
  const source = `process.on('SIGTERM', () => { console.log('asked'); process.exit(0); });
    process.on('message', () => undefined);
    process.send({ ready: true });`;
  const kept = keep(source, (line) => said.push(line));
  await kept.ready;
  await kept.stop();
  expect(readFileSync(join(folder, 'child.log'), 'utf8')).toContain('asked');
  expect(said).toEqual([]);
});
