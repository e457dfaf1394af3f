// The files that install Rohrpost name what is there: programs, variables, versions, times.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseDocument } from 'yaml';
import { ApiEnv } from '../../apps/api/config';
import { SmtpEnv } from '../../apps/smtp/config';
import { WorkerEnv } from '../../apps/worker/config';

const ROOT = join(__dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const CHART = 'deploy/helm/rohrpost';
const templates = readdirSync(join(ROOT, CHART, 'templates')).map((name) => `${CHART}/templates/${name}`);
const units = readdirSync(join(ROOT, 'deploy/systemd')).map((name) => `deploy/systemd/${name}`);
const grace = WorkerEnv.shape.ROHRPOST_GRACE.parse(undefined) / 1000;

/** What `docker build` is given of the checkout: the names at its root that .dockerignore lets through. */
const context = read('.dockerignore')
  .split('\n')
  .filter((line) => line.startsWith('!'))
  .map((line) => line.slice(1));

test('each program that is started is one of the build', () => {
  const started = ['Dockerfile', 'docker-compose.yml', ...units, ...templates].flatMap((path) =>
    [...read(path).matchAll(/dist\/(apps\/\w+\/main)\.js/g)].map(([, program = '']) => `${program}.ts`),
  );
  expect(new Set(started).size).toBe(3);
  expect(started.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

test('what the Dockerfile copies from the checkout is let through to it', () => {
  const copied = [...read('Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names = '']) =>
    names.split(' '),
  );
  expect(copied.length).toBeGreaterThan(4);
  expect(copied.filter((name) => !context.includes(name))).toEqual([]);
});

test('nobody is killed within the time that stopping may take', () => {
  for (const path of units) {
    expect([path, Number(/^TimeoutStopSec=(\d+)$/m.exec(read(path))?.[1]) > grace]).toEqual([path, true]);
  }
  const compose = parse(read('docker-compose.yml'), { merge: true }) as Record<string, Record<string, string>>;
  expect(Number.parseInt(compose['x-app']?.['stop_grace_period'] ?? '', 10)).toBeGreaterThan(grace);
  expect(compose['x-environment']?.['ROHRPOST_GRACE']).toBe(`${grace}s`);
  expect((parse(read(`${CHART}/values.yaml`)) as { graceSeconds: number }).graceSeconds).toBe(grace);
});

test('each variable is decided by a value of the chart, or may be given by its name', () => {
  const known = [ApiEnv, WorkerEnv, SmtpEnv].flatMap((env) => Object.keys(env.shape));
  const source = templates
    .filter((path) => !path.endsWith('.txt'))
    .map(read)
    .join('\n');
  const decided = known.filter((name) => new RegExp(`\\b${name}\\b`).test(source));
  const schema = JSON.parse(read(`${CHART}/values.schema.json`)) as { definitions: { variable: { enum: string[] } } };
  const wanted = [...new Set(known)].filter((name) => !decided.includes(name)).sort();
  expect([...schema.definitions.variable.enum].sort()).toEqual(wanted);
});

test('the chart installs this version', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string };
  expect(parse(read(`${CHART}/Chart.yaml`))).toMatchObject({ appVersion: version });
});

test('containers run on a version of Node that is tested, and CI and the full tests run the same ones', () => {
  const ci = parse(read('.github/workflows/ci.yml')) as {
    jobs: { test: { strategy: { matrix: { node: number[] } } } };
  };
  const tested = ci.jobs.test.strategy.matrix.node;
  const [, list = ''] = /VERSIONS = \[([^\]]+)\]/.exec(read('dev/node-versions.mjs')) ?? [];
  expect([...list.matchAll(/'(\d+)\./g)].map(([, major]) => Number(major))).toEqual(tested);
  const images = [...read('Dockerfile').matchAll(/^FROM node:(\d+)/gm)].map(([, major]) => Number(major));
  expect(new Set(images).size).toBe(1);
  expect(tested).toContain(images[0]);
});

test('every file of YAML can be read', () => {
  const files = ['docker-compose.yml', `${CHART}/values.yaml`, 'deploy/prometheus/rules.yml'];
  const errors = files.flatMap((path) => parseDocument(read(path), { merge: true }).errors.map(String));
  expect(errors).toEqual([]);
});

test('whatever the process for mail by SMTP listens on has a port in its pod and, but for the probe, in its Service', () => {
  const source = read(`${CHART}/templates/smtp.yaml`);
  const listened = Object.keys(SmtpEnv.shape).filter((name) => name.endsWith('_PORT'));
  const ports = listened.map((name) => [name, new RegExp(`${name}, value: '(\\d+)'`).exec(source)?.[1]]);
  for (const [name, port] of ports) {
    const portName = new RegExp(`name: (\\w+), containerPort: ${port} `).exec(source)?.[1];
    expect([name, portName]).toEqual([name, expect.stringMatching(/./)]);
    if (portName !== 'probe') expect(source).toContain(`targetPort: ${portName} }`);
  }
});
