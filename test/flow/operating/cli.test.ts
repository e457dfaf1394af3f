// The command line as its users run it: real processes that speak to a real API with a worker.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type Service } from '../../support/service';
import { startProxy } from '../../support/redis/tcp-proxy';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

const ROOT = join(__dirname, '../../..');

let service: Service;
let smtp: SmtpServer;
let folder: string;
let main: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rohrpost-cli-'));
  main = join(folder, 'rohrpost.js');
  // The whole in one file: dozens of processes start fast.
  buildSync({ entryPoints: [join(ROOT, 'apps/cli/main.ts')], outfile: main, bundle: true, platform: 'node' });
  smtp = await startSmtpServer({
    script: { rcpt: ({ recipient = '' }) => (recipient.startsWith('nobody') ? '550 5.1.1 unknown' : undefined) },
  });
  service = await startService();
  await setUpQueue(service, 'acme/billing', smtp.port);
});
afterAll(async () => {
  await service.close();
  await smtp.close();
  await rm(folder, { recursive: true, force: true });
});

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

/** Runs one command to its end. */
const rohrpost = (args: string[], options: { env?: NodeJS.ProcessEnv; input?: string } = {}): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const env = {
      PATH: process.env['PATH'],
      TZ: 'UTC',
      ROHRPOST_URL: service.url,
      ROHRPOST_KEY: OPERATOR_KEY,
      ROHRPOST_QUEUE: 'acme/billing',
      ...options.env,
    };
    const child = spawn(process.execPath, [main, ...args], { env, cwd: folder });
    const ended: Ended = { code: null, out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => (ended.out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (ended.err += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => resolve({ ...ended, code }));
    child.stdin.end(options.input ?? '');
  });

/** The same; it must be done. */
const done = async (args: string[], options?: Parameters<typeof rohrpost>[1]): Promise<string> => {
  const { code, out, err } = await rohrpost(args, options);
  if (code !== 0) throw new Error(`${args.join(' ')}: ${code} ${err}`);
  return out;
};
const linesOf = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const file = async (name: string, text: string): Promise<string> => {
  await writeFile(join(folder, name), text);
  return name;
};
const idIn = (text: string): string => /m_[0-9a-v]{26}/.exec(text)?.[0] ?? '';

test('a message in a file is sent as it is, and followed until it is', async () => {
  const eml =
    'From: sender@acme.example\r\nTo: Ann <ann@example.org>,\r\n bob@example.org\r\nSubject: By file\r\n\r\nHello\r\n';
  const said = await done(['send', await file('message.eml', eml), '--follow']);
  const id = idIn(said);
  expect(said.trim().split('\n').at(-1)).toBe(`${id}  sent`);
  expect(smtp.messages.flatMap(({ to }) => to).sort()).toEqual(['ann@example.org', 'bob@example.org']);
  const shown = await done(['show', id]);
  expect(shown).toContain('By file');
  expect(shown).toMatch(/sent by default/);
  expect(JSON.parse(await done(['show', id, '--json']))).toMatchObject({ id, state: 'sent' });
  // Already at its end: it is told at once.
  expect(await done(['follow', id])).toBe(`${id}  sent\n`);
});

test('a template is sent with its data, found again, and explained', async () => {
  await service.ok('PUT', '/v1/tenants/acme/templates/invoice', { subject: 'Invoice <%= it.number %>', text: 'Hello' });
  const data = await file('data.json', '{"number": "2026-114"}');
  const later = [
    '--template',
    'invoice',
    '--data',
    data,
    '--to',
    'eve@example.org',
    '--send-at',
    '2035-01-01T00:00:00Z',
  ];
  const id = idIn(await done(['send', ...later]));
  const found = linesOf(await done(['list', '--template', 'invoice', '--json']));
  expect(found).toMatchObject([{ id, state: 'scheduled' }]);
  const table = (await done(['search', 'eve@example.org', '--state', 'scheduled'])).split('\n');
  expect(table[0]).toMatch(/^ID +ACCEPTED +STATE +QUEUE +TO +/);
  expect(table[1]).toContain(id);
  expect(await done(['explain', id])).toContain('not-due');
  expect(await done(['hold', id])).toBe(`${id}  held\n`);
  expect((await rohrpost(['follow', id])).code).toBe(5);
  await done(['release', id]);
  await done(['send-now', id]);
  expect(await done(['follow', id])).toContain(`${id}  sent`);
  expect(smtp.messages.at(-1)?.raw.toString()).toContain('Invoice 2026-114');
});

test('what failed is corrected and released; of two who correct at once one is told', async () => {
  const id = idIn(await done(['send', '--to', 'nobody@example.org', '--subject', 'Hi', '--text', 'there']));
  const failed = await rohrpost(['follow', id]);
  expect([failed.code, failed.err]).toEqual([5, expect.stringContaining('5.1.1')]);
  expect(await done(['list', '--state', 'failed', '--reply', '5.1.1'])).toContain(id);

  // Somebody else is faster while the editor is open; what was typed is kept.
  const url = `${service.url}/v1/queues/acme/billing/emails/${id}`;
  await file(
    'rival.mjs',
    `import { readFileSync, writeFileSync } from 'node:fs';
     const headers = { authorization: 'Bearer ${OPERATOR_KEY}', 'content-type': 'application/json' };
     await fetch('${url}', { method: 'PATCH', headers, body: JSON.stringify({ subject: 'Hi, Ann' }) });
     writeFileSync(process.argv[2], readFileSync(process.argv[2], 'utf8').replace('nobody', 'late'));`,
  );
  const late = await rohrpost(['correct', id, '--editor'], {
    env: { EDITOR: `${process.execPath} ${join(folder, 'rival.mjs')}`, TMPDIR: folder },
  });
  expect([late.code, late.err]).toEqual([1, expect.stringMatching(/version-mismatch[^]*Your text is in/)]);
  const kept = /Your text is in (.*)/.exec(late.err)?.[1] ?? '';
  expect(await readFile(kept, 'utf8')).toContain('late@example.org');

  await file('mend.sh', 'sed -i s/nobody/carl/ "$1"\n');
  const mend = { env: { EDITOR: `sh ${join(folder, 'mend.sh')}`, TMPDIR: folder } };
  expect(await done(['correct', id, '--editor'], mend)).toContain('corrected: to');
  expect(
    await done(['correct', id, '--set', 'to=dora@example.org', '--set', 'metadata:={"case": 7}', '--release']),
  ).toContain('corrected: to, metadata');
  await done(['follow', id]);
  expect(smtp.messages.at(-1)?.to).toEqual(['dora@example.org']);
  expect(await service.email('acme/billing', id)).toMatchObject({ subject: 'Hi, Ann', metadata: { case: 7 } });
  const again = idIn(await done(['resend', id, '--to', 'fay@example.org']));
  await done(['follow', again]);
  expect(smtp.messages.at(-1)?.to).toEqual(['fay@example.org']);
});

test('an import may be repeated: nothing is accepted twice, and what was refused is told', async () => {
  await service.ok('PUT', '/v1/queues/acme/bulk', { from: 'bulk@acme.example', enabled: false });
  const line = (number: number): string =>
    JSON.stringify(anEmail({ to: `p${number}@example.org`, subject: `Number ${number}` }));
  const lines = Array.from({ length: 2_000 }, (_, index) => line(index + 1));
  lines[6] = '{"to": "p7@example.org", "subject": "Number 7"';
  lines[999] = '{"to": "no address", "subject": "Hello", "text": "you"}';
  // Numbers that a double does not hold must be refused, not rounded on the way.
  lines[1_999] =
    '{"to": "p2000@example.org", "subject": "a", "template": "invoice", "data": {"number": 9007199254740993}}';
  lines.splice(3, 0, '', '  ');
  const name = await file('many.ndjson', `\ufeff${lines.join('\n')}`);
  const first = await rohrpost(['import', name, '-q', 'acme/bulk']);
  expect([first.code, first.err]).toEqual([1, expect.stringContaining('1997 accepted, 3 refused')]);
  const refused = linesOf(await readFile(join(folder, 'many.ndjson.refused.ndjson'), 'utf8'));
  expect(refused).toMatchObject([
    { line: 9, problem: { code: 'malformed-json' } },
    { line: 1_002, problem: { code: 'invalid', errors: [{ path: '/to' }] } },
    { line: 2_002, problem: { code: 'invalid' } },
  ]);
  // One of them is mended in its place.
  lines[1_001] = line(1_000);
  await file('many.ndjson', `\ufeff${lines.join('\n')}`);
  const second = await rohrpost(['import', name, '-q', 'acme/bulk']);
  expect([second.code, second.err]).toEqual([
    1,
    expect.stringContaining('1998 accepted (1997 of them by an earlier import), 2 refused'),
  ]);
  const queue = await service.ok<{ counts: Record<string, number> }>('GET', '/v1/queues/acme/bulk');
  expect(queue.counts).toMatchObject({ queued: 1_998 });
  const piped = await rohrpost(['import', '-', '-q', 'acme/bulk', '--name', name, '--json'], {
    input: `\ufeff${lines.slice(0, 3).join('\n')}\n`,
  });
  expect(linesOf(piped.out)).toMatchObject([1, 2, 3].map((number) => ({ line: number, replayed: true })));
});

test('an import that was cut off is done by the next one, also while another one runs', async () => {
  await service.ok('PUT', '/v1/queues/acme/cut', { from: 'bulk@acme.example', enabled: false });
  const proxy = await startProxy({ host: '127.0.0.1', port: Number(new URL(service.url).port) });
  let heard = 0;
  proxy.onReply = (chunk) => ((heard += chunk.length) > 20_000 ? 'cut' : 'pass');
  const lines = Array.from({ length: 2_000 }, (_, index) => JSON.stringify(anEmail({ to: `c${index}@example.org` })));
  const name = await file('cut.ndjson', lines.join('\n'));
  const args = ['import', name, '-q', 'acme/cut'];
  const cut = await rohrpost([...args, '--url', `http://127.0.0.1:${proxy.port}`]);
  expect([cut.code, cut.err]).toEqual([
    3,
    expect.stringMatching(/is not reachable[^]*Answered up to line \d+:[^]*run the same command again/),
  ]);
  const ended = await Promise.all([rohrpost(args), rohrpost(args)]);
  expect(ended.map(({ code }) => code)).toEqual([0, 0]);
  const { counts } = await service.ok<{ counts: Record<string, number> }>('GET', '/v1/queues/acme/cut');
  expect(counts).toMatchObject({ queued: 2_000 });
  await proxy.close();
});

test('templates go out to files and back again, and nothing is changed by it', async () => {
  await service.ok('PUT', '/v1/tenants/acme/templates/frame', { html: '<main>\n<%~ it.body %>\n</main>\n\n' });
  const letter = { subject: 'Hello', html: '<p>${price} Grüße</p>', text: 'Hi', layout: 'frame', inlineCss: true };
  await service.ok('PUT', '/v1/tenants/acme/templates/letter', letter);
  await done(['templates', 'pull', 'pulled']);
  expect(await readFile(join(folder, 'pulled/letter/html.eta'), 'utf8')).toBe(`${letter.html}\n`);
  const pushed = linesOf(await done(['templates', 'push', 'pulled', '--json']));
  expect(pushed.map(({ name, changed }) => [name, changed])).toEqual(
    expect.arrayContaining([
      ['frame', false],
      ['letter', false],
    ]),
  );
  await service.ok('PUT', '/v1/tenants/other', {});
  expect(await done(['templates', 'push', 'pulled', '--tenant', 'other'])).toContain('letter  version 1');
  expect(await service.ok('GET', '/v1/tenants/other/templates/letter')).toMatchObject(letter);
});

const CONFIG = `
tenants:
  globex:
    settings: { attempts: 7 }
    transports:
      second: { host: 127.0.0.1, port: 2526, security: none }
      default: { host: 127.0.0.1, port: 2525, security: starttls, auth: { user: billing, pass: "\${SMTP_PASSWORD}" } }
    templates:
      letter: { subject: Hello, html: "<b>\${NOT_A_VARIABLE}</b>", layout: frame }
      frame: { html: "<%~ it.body %>" }
    queues:
      billing: { from: "Globex  <billing@globex.example>", replyTo: help@globex.example, backoff: { type: exponential, delay: 1m, maxDelay: 1h, jitter: 0.2 } }
      news:
    webhooks:
      erp: { url: "https://erp.globex.example/\${HOOK_TOKEN}", events: [email.failed], secret: "\${HOOK_SECRET}" }
`;
const SECRETS = {
  SMTP_PASSWORD: 'pa55word-of-smtp',
  HOOK_TOKEN: 'token-of-the-hook',
  HOOK_SECRET: `whsec_${'q1'.repeat(16)}`,
};

test('an installation is what its file says: applied again it changes nothing, and no secret is shown', async () => {
  const name = await file('installation.yaml', CONFIG);
  const said: Ended[] = [];
  const apply = async (args: string[] = [], env: NodeJS.ProcessEnv = SECRETS): Promise<Ended> => {
    const ended = await rohrpost(['config', 'apply', name, ...args], { env });
    said.push(ended);
    return ended;
  };
  const missing = await apply([], { ...SECRETS, SMTP_PASSWORD: '' });
  expect([missing.code, missing.err]).toEqual([2, expect.stringContaining('SMTP_PASSWORD')]);
  const dry = await apply(['--dry-run']);
  expect([dry.code, dry.err]).toEqual([0, '']);
  expect(dry.out).toContain('Would be: 8 new, 0 changed, 0 as they should be.');
  expect((await service.call('GET', '/v1/tenants/globex')).status).toBe(404);
  const first = await apply();
  expect([first.code, first.err]).toEqual([0, '']);
  const audited = async (): Promise<unknown> => service.ok('GET', '/v1/audit?limit=1');
  const before = await audited();
  expect((await apply()).out).toBe('0 new, 0 changed, 8 as they should be.\n');
  expect(await audited()).toEqual(before);

  // What the file does not name stays, and what differs is shown, and changed alone.
  await service.ok('PATCH', '/v1/queues/globex/billing', { priority: 'high', backoff: { delay: '2m' } });
  await file('installation.yaml', CONFIG.replace('attempts: 7', 'attempts: null').replace('port: 2525', 'port: 2527'));
  const changed = await apply(['--json']);
  expect(linesOf(changed.out).filter(({ action }) => action !== 'same')).toMatchObject([
    { kind: 'tenant', fields: [{ path: 'attempts', text: '7 -> none' }] },
    { name: 'globex/default', fields: [{ path: 'port', text: '2525 -> 2527' }] },
    { name: 'globex/billing', fields: [{ path: 'backoff.delay', text: '"2m" -> "1m"' }] },
  ]);
  expect(await service.ok('GET', '/v1/queues/globex/billing')).toMatchObject({
    priority: 'high',
    backoff: { delay: '1m' },
  });
  expect((await apply(['--secrets', '--dry-run'])).out).toContain('auth.pass: a secret, given anew');
  // A variable may hold something else by now: neither the old nor the new one is shown.
  expect((await apply(['--dry-run'], { ...SECRETS, HOOK_TOKEN: 'another-token' })).out).toContain(
    'url: "https://erp.globex.example/${HOOK_TOKEN}", which differs',
  );
  expect(JSON.stringify(said)).not.toMatch(/pa55word|token-of|another-token|whsec_/);
});

test('keys are issued, listed and revoked', async () => {
  const issued = await done(['keys', 'issue', '--role', 'reader', '--tenant', 'acme', '--name', 'cli']);
  expect(issued).toMatch(/^rp_\S+\n$/);
  const key = await file('reader.key', issued);
  expect(await done(['list', '-n', '1', '--key-file', key])).toContain('acme/');
  const [{ id } = { id: '' }] = linesOf(await done(['keys', 'list', '--json'])).filter((one) => one['name'] === 'cli');
  await done(['keys', 'revoke', String(id)]);
  const refused = await rohrpost(['list', '--key-file', key]);
  expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('(unauthenticated)')]);
});

test('events are heard until Ctrl-C', async () => {
  const env = { ...process.env, ROHRPOST_URL: service.url, ROHRPOST_KEY: OPERATOR_KEY };
  const child = spawn(process.execPath, [main, 'events', '--json', '--type', 'email.sent'], { env, cwd: folder });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await eventually(async () => {
    const id = idIn(await done(['send', '--to', 'ann@example.org', '--subject', 'Hi', '--text', 'there', '--follow']));
    expect(said).toContain(id);
  });
  child.kill('SIGINT');
  expect(await ended).toBe(0);
  expect(linesOf(said)[0]).toMatchObject({ type: 'email.sent' });
});

test.each([
  [2, 'too few arguments', ['show']],
  [2, 'an unknown option', ['list', '--colour']],
  [2, 'a file that is not there', ['send', 'nothing.eml']],
  [2, 'no queue', ['send', '--to', 'a@example.org', '--queue', 'acme']],
  [1, 'a filter that cannot be', ['list', '--state', 'lost']],
  [4, 'an id of nobody', ['show', 'm_00000000000000000000000000']],
  [4, 'a queue of nobody', ['list', '--queue', 'nobody/app']],
  [3, 'no API', ['list', '--url', 'http://127.0.0.1:9']],
  [0, 'help', ['import', '--help']],
])('it ends with %i after %s', async (code, _, args) => {
  const ended = await rohrpost(args);
  expect([ended.code, ended.out + ended.err]).toEqual([code, expect.stringMatching(/\w{3}/)]);
  expect(ended.err).not.toContain('    at ');
});

test('without address and key it finds the demo of npm start, and gives its key to nobody else', async () => {
  const { key } = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'admin', tenant: 'acme' });
  const data = await mkdtemp(join(folder, 'data-'));
  await writeFile(join(data, 'demo.json'), JSON.stringify({ api: service.url, admin: key, key, inboxSmtpPort: 1 }));
  const env = { ROHRPOST_DATA_DIR: data, ROHRPOST_URL: '', ROHRPOST_KEY: '', ROHRPOST_QUEUE: '' };
  expect(await done(['list', '-n', '1'], { env })).toContain('acme/');
  const elsewhere = await rohrpost(['list', '--url', service.url.replace('127.0.0.1', 'localhost')], { env });
  expect([elsewhere.code, elsewhere.err]).toEqual([2, expect.stringContaining('with which key?')]);
});

test('the completion loads in bash and completes commands and options', async () => {
  await file('completion.bash', await done(['completion', 'bash']));
  const complete = (words: string): string =>
    execFileSync(
      'bash',
      [
        '-ec',
        `source completion.bash; COMP_WORDS=(${words}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _rohrpost; echo "\${COMPREPLY[@]}"`,
      ],
      { cwd: folder, encoding: 'utf8' },
    ).trim();
  expect(complete('rohrpost se')).toBe('send search send-now');
  expect(complete('rohrpost templates p')).toBe('push pull');
  expect(complete('rohrpost config apply --dr')).toBe('--dry-run');
});
