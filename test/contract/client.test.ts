// The example of docs/api.md: a client whose types are made from the document compiles under `strict` and does what it says.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packClient } from '../support/http/packed-client';
import { setUpQueue, startService, type Service } from '../support/service';

const run = promisify(execFile);
const ROOT = join(__dirname, '../..');
const bin = (path: string): string => join(ROOT, 'node_modules', path);

let service: Service;
let folder: string;

beforeAll(async () => {
  service = await startService({ workers: 0 });
  await setUpQueue(service, 'acme/billing', 1);
  folder = await mkdtemp(join(tmpdir(), 'rohrpost-client-'));
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await service.close();
});

/** The program in the docs. */
const example = async (): Promise<string> => {
  const [, source] =
    /```ts\n([^`]*(?:`[^`][^`]*`[^`]*)*)```/.exec(await readFile(join(ROOT, 'docs/api.md'), 'utf8')) ?? [];
  if (source === undefined) throw new Error('docs/api.md has no example');
  return source;
};

/** Compiles programs. @returns what the compiler says */
const compile = async (programs: Record<string, string>, cwd = folder): Promise<string[]> => {
  for (const [name, source] of Object.entries(programs)) await writeFile(join(cwd, name), source);
  const options = [
    '--strict',
    '--exactOptionalPropertyTypes',
    '--skipLibCheck',
    '--target',
    'es2023',
    '--module',
    'node16',
  ];
  const args = [bin('typescript/bin/tsc'), ...options, '--types', 'node', '--ignoreConfig', ...Object.keys(programs)];
  const { stdout } = await run(process.execPath, args, { cwd }).catch((error: { stdout: string }) => error);
  return stdout.split('\n').filter((line) => line !== '');
};

test('it posts, reads, lists, corrects, holds and releases an email', async () => {
  const { key } = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'sender', tenant: 'acme' });
  const document = await service.call('GET', '/openapi.json');
  await writeFile(join(folder, 'openapi.json'), JSON.stringify(document.body));
  await run(process.execPath, [bin('openapi-typescript/bin/cli.js'), 'openapi.json', '-o', 'rohrpost.d.ts'], {
    cwd: folder,
  });

  const [types, checkedIn] = await Promise.all(
    [join(folder, 'rohrpost.d.ts'), join(ROOT, 'clients/typescript/src/schema.ts')].map((path) =>
      readFile(path, 'utf8'),
    ),
  );
  // They are not those of this document: make them anew by `npm run client`.
  expect(types === checkedIn).toBe(true);

  const right = await example();
  const wrong = right.replace('email.subject', 'email.subjct');
  const said = await compile({ 'client.mts': right, 'wrong.mts': wrong });
  expect(said).toEqual([expect.stringMatching(/^wrong\.mts.*Property 'subjct' does not exist/)]);

  const env = { ...process.env, API: service.url, KEY: key };
  const { stdout } = await run(process.execPath, ['client.mjs'], { cwd: folder, env });
  expect(stdout).toBe('corrected: Invoice 2026-114, held, then scheduled again\n');
  const { emails } = await service.ok<{ emails: { subject: string; state: string; attemptsMade: number }[] }>(
    'GET',
    '/v1/queues/acme/billing/emails',
  );
  expect(emails).toMatchObject([{ subject: 'Invoice 2026-114', state: 'scheduled' }]);
}, 120_000);

test('the client that we offer compiles in a program of the same strictness, has the version of the service, and its types find mistakes', async () => {
  const own = await mkdtemp(join(tmpdir(), 'rohrpost-client-'));
  try {
    await packClient(own);
    const right = await readFile(join(ROOT, 'clients/examples/send.ts'), 'utf8');
    const wrong = right.replace('subject:', 'subjct:');
    expect(await compile({ 'send.mts': right, 'wrong.mts': wrong }, own)).toEqual([
      expect.stringMatching(/^wrong\.mts.*'subjct' does not exist/),
    ]);
  } finally {
    await rm(own, { recursive: true, force: true });
  }
  const versionOf = async (path: string): Promise<unknown> =>
    (JSON.parse(await readFile(join(ROOT, path), 'utf8')) as { version: string }).version;
  expect(await versionOf('clients/typescript/package.json')).toBe(await versionOf('package.json'));
}, 120_000);
