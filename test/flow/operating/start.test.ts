// `npm start` as a newcomer runs it: built, with a data folder of its own; the line that it prints sends an email into its inbox.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import { eventually } from '../../support/wait';
import { heldFetch } from '../../support/http/held-fetch';

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

const STATES = ['scheduled', 'queued', 'deferred', 'held', 'failed', 'sent', 'expired', 'canceled', 'uncertain'];
const ask = async (http: number, path: string): Promise<Record<string, unknown>> => {
  const headers = { authorization: `Bearer ${OPERATOR_KEY}` };
  return (await (await heldFetch(`http://127.0.0.1:${http}${path}`, { headers })).json()) as Record<string, unknown>;
};
const stateOfEmails = async (http: number): Promise<{ state: string; tags?: string[] }[]> =>
  (await ask(http, '/v1/tenants/demo/emails?limit=100'))['emails'] as { state: string; tags?: string[] }[];

/** The link comes first, signs in as the demo's administrator, once; he finds something to mend. */
const seesTheDemo = async (said: string, http: number): Promise<void> => {
  const [first = ''] = said.split('\n').filter((line) => line.startsWith('  '));
  const [link = ''] = /http:\S+\/session\/once\/\S+/.exec(first) ?? [];
  const followed = await fetch(link, { redirect: 'manual' });
  expect([followed.status, followed.headers.get('location')]).toEqual([303, '/']);
  const cookie = followed.headers
    .getSetCookie()
    .map((one) => one.split(';')[0])
    .join('; ');
  expect((await fetch(link, { redirect: 'manual' })).status).toBe(401);
  await eventually(
    async () => {
      const states = (await stateOfEmails(http)).map(({ state }) => state);
      expect(STATES.filter((state) => !states.includes(state))).toEqual([]);
      const page = await (await fetch(`http://127.0.0.1:${http}/`, { headers: { cookie } })).text();
      for (const words of [
        'demo administrator',
        'The transport newsletter',
        'no such domain',
        'template delivery',
        'wrong date',
      ])
        expect(page).toContain(words);
    },
    { timeout: 30_000, every: 200 },
  );
};

/** What the user sent stays. */
const clearsTheDemo = async (http: number, dataDir: string): Promise<void> => {
  const env = { ...process.env, ROHRPOST_DATA_DIR: dataDir, ROHRPOST_OPERATOR_KEY: OPERATOR_KEY };
  const child = spawn('npm', ['run', 'demo:clear'], { cwd: ROOT, env });
  expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0);
  expect((await stateOfEmails(http)).map(({ tags = [] }) => tags)).toEqual([[], []]);
  expect((await ask(http, '/v1/queues/demo'))['queues']).toMatchObject([{ application: 'app' }]);
};

const OPERATOR_KEY = 'operator-key-of-somebody-who-starts-it';

test('it says where everything is, and the demo key sends a letter from a ready template', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'rohrpost-start-'));
  const [http, smtp, inbox, door] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const child = spawn(process.execPath, [join(ROOT, 'dev/start.mjs')], {
    cwd: ROOT,
    env: {
      ...process.env,
      ROHRPOST_DATA_DIR: dataDir,
      ROHRPOST_OPERATOR_KEY: OPERATOR_KEY,
      ROHRPOST_HTTP_PORT: `${http}`,
      ROHRPOST_INBOX_SMTP_PORT: `${smtp}`,
      ROHRPOST_INBOX_HTTP_PORT: `${inbox}`,
      ROHRPOST_SMTP_PORT: `${door}`,
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
    // Nor does what takes mail by SMTP, which has no key that unseals passwords either.
    expect(environmentsOf('smtp', dataDir)).toHaveLength(1);
    expect(environmentsOf('smtp', dataDir).join()).not.toMatch(/OPERATOR_KEY|SECRET_KEYS=/);
    expect(said).toContain(`127.0.0.1:${door}`);
    const letter = { from: 'app@rohrpost.example', to: 'ann@example.org', subject: 'By SMTP', text: 'It arrived.' };
    await createTransport({ port: door, host: '127.0.0.1', auth: { user: 'any', pass: key } }).sendMail(letter);
    const response = await heldFetch(`http://127.0.0.1:${http}/v1/queues/demo/app/emails`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        to: 'ann@example.org',
        template: 'credentials',
        data: { name: 'Ann', user: 'ann', service: { name: 'Acme Documents', url: 'https://dms.acme.example' } },
      }),
    });
    expect(response.status).toBe(202);
    await seesTheDemo(said, http);
    await clearsTheDemo(http, dataDir);
    await eventually(async () => {
      const page = await (await fetch(`http://127.0.0.1:${inbox}/`)).text();
      expect(page).toContain('Your access to Acme Documents');
      expect(page).toContain('By SMTP');
    });
  } finally {
    child.kill('SIGINT');
  }
  expect(await ended).toBe(0);
  expect(said).toContain('Stopped.');
  await rm(dataDir, { recursive: true, force: true });
}, 120_000);
