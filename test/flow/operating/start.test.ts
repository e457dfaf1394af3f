// `npm start` as a newcomer runs it: built, with a data folder of its own; the line that it prints sends an email into its inbox.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../support/wait';

const ROOT = join(__dirname, '../../..');

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

/** The environments of the processes of this service (`api` or `worker`), as Linux tells them. */
const environmentsOf = (app: string, dataDir: string): string[] =>
  readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const [command, environment] = ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'utf8'));
      const isOurs = command?.includes(`apps/${app}/main.js`) && environment?.includes(dataDir);
      return isOurs ? (environment ?? '') : [];
    } catch {
      return [];
    }
  });

const OPERATOR_KEY = 'operator-key-of-somebody-who-starts-it';

test('it says where everything is, and the demo key sends a letter from a ready template', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'rohrpost-start-'));
  const [http, smtp, inbox] = await Promise.all([freePort(), freePort(), freePort()]);
  const child = spawn(process.execPath, [join(ROOT, 'dev/start.mjs')], {
    cwd: ROOT,
    env: {
      ...process.env,
      ROHRPOST_DATA_DIR: dataDir,
      ROHRPOST_OPERATOR_KEY: OPERATOR_KEY,
      ROHRPOST_HTTP_PORT: `${http}`,
      ROHRPOST_INBOX_SMTP_PORT: `${smtp}`,
      ROHRPOST_INBOX_HTTP_PORT: `${inbox}`,
    },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  try {
    const key = await eventually(
      () => {
        const found = /rp_[0-9a-f]{12}_[\w-]{43}/.exec(said)?.[0];
        if (found === undefined) throw new Error(`no demo key yet: ${said}`);
        return Promise.resolve(found);
      },
      { timeout: 60_000 },
    );
    // Workers render what tenants write, and need no key.
    const workers = environmentsOf('worker', dataDir);
    expect(workers.length).toBeGreaterThan(0);
    expect(workers.filter((environment) => environment.includes(OPERATOR_KEY))).toEqual([]);
    expect(environmentsOf('api', dataDir).join()).toContain(OPERATOR_KEY);
    const response = await fetch(`http://127.0.0.1:${http}/v1/queues/demo/app/emails`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        to: 'ann@example.org',
        template: 'credentials',
        data: { name: 'Ann', user: 'ann', service: { name: 'Acme Documents', url: 'https://dms.acme.example' } },
      }),
    });
    expect(response.status).toBe(202);
    await eventually(async () => {
      const page = await (await fetch(`http://127.0.0.1:${inbox}/`)).text();
      expect(page).toContain('Your access to Acme Documents');
    });
  } finally {
    child.kill('SIGINT');
  }
  expect(await ended).toBe(0);
  expect(said).toContain('Stopped.');
  await rm(dataDir, { recursive: true, force: true });
});
