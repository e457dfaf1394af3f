// Confidential emails in real processes: what they say is looked for everywhere, at every stage of their lives.
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { RedisServer } from '../../../dev/redis';
import { queueKeys } from '../../../libs/store/redis/keys';
import { hashBody } from '../../../libs/store/registries/idempotency-keys';
import { json, startHttpSource, type HttpSource } from '../../support/http/http-source';
import { serviceEnv, startProcess, type ServiceProcess } from '../../support/processes/process';
import { startTestRedis } from '../../support/redis/test-redis';
import { OPERATOR_KEY, type EmailBody } from '../../support/service';
import { deferred, eventually } from '../../support/wait';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';

let dataDir: string;
let server: RedisServer;
let redis: Redis;
let api: ServiceProcess;
let worker: ServiceProcess;
let smtp: SmtpServer;
let source: HttpSource;
let url: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'rohrpost-test-'));
  server = await startTestRedis({ dataDir });
  redis = await server.connect();
  smtp = await startSmtpServer();
  source = await startHttpSource();
  const env = {
    ...serviceEnv(server.url, dataDir),
    ROHRPOST_ALLOW_PRIVATE_HOSTS: '127.0.0.0/8',
    ROHRPOST_LOG_LEVEL: 'debug',
  };
  [api, worker] = await Promise.all([startProcess('api', env), startProcess('worker', env)]);
  url = `http://127.0.0.1:${api.port}`;
  await eventually(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200));
  await call('PUT', '/v1/tenants/acme', {});
  const transport = { host: '127.0.0.1', port: smtp.port, security: 'none' };
  await call('PUT', '/v1/tenants/acme/transports/default', transport);
  // It fails with a text that quotes its data.
  await call('PUT', '/v1/tenants/acme/templates/wrong', {
    subject: 'x',
    text: "<%= formatNumber(it.pin, { locale: 'en' }) %>",
  });
  await call('PUT', '/v1/tenants/acme/templates/pin', { subject: 'PIN <%= it.pin %>', text: 'It is <%= it.pin %>' });
  // Somebody listens: events are written.
  const events = await fetch(`${url}/v1/events`, { headers: { authorization: `Bearer ${OPERATOR_KEY}` } });
  await events.body?.cancel();
  const common = {
    from: 'vault@acme.example',
    log: 'dialogue',
    archive: true,
    onUncertain: 'hold',
    attempts: 2,
    backoff: { type: 'fixed', delay: '1h', maxDelay: '1h', jitter: 0 },
    dataSources: [source.url],
  };
  await call('PUT', '/v1/queues/acme/vault', { ...common, confidential: true });
  await call('PUT', '/v1/queues/acme/open', common);
}, 60_000);

afterAll(async () => {
  await Promise.all([api.end('SIGTERM'), worker.end('SIGTERM')]);
  redis.disconnect();
  await server.stop();
  await smtp.close();
  await source.close();
  await rm(dataDir, { recursive: true, force: true });
});

const ask = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${OPERATOR_KEY}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
};
const call = async <T = EmailBody>(method: string, path: string, body?: unknown, headers?: Record<string, string>) => {
  const { status, text } = await ask(method, path, body, headers);
  if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
  return (text === '' ? {} : JSON.parse(text)) as T;
};
const code = async (method: string, path: string, body?: unknown): Promise<[number, string]> => {
  const { status, text } = await ask(method, path, body);
  return [status, (JSON.parse(text) as { code?: string }).code ?? ''];
};
const path = (queue: string, id: string): string => `/v1/queues/acme/${queue}/emails/${id}`;
const until = (queue: string, ids: string[], state: string) =>
  eventually(async () => {
    for (const id of ids) expect(await call('GET', path(queue, id))).toMatchObject({ state });
  });

/** A word that stands nowhere else. */
const marker = (): string => `Geheim${randomBytes(9).toString('hex')}`;

/** How it may stand somewhere: as it is, or in base64, wherever in its groups of three bytes it begins. */
const formsOf = (word: string): string[] => [
  word,
  ...[0, 1, 2].map((before) =>
    Buffer.from('x'.repeat(before) + word)
      .toString('base64')
      .slice(before === 0 ? 0 : 4, -4),
  ),
  Buffer.from(word).toString('hex'),
];

const filesIn = async (folder: string): Promise<[string, Buffer][]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  // One that goes meanwhile is looked for where it went.
  const read = async (file: string): Promise<[string, Buffer]> => [
    file,
    await readFile(file).catch(() => Buffer.alloc(0)),
  ];
  return Promise.all(files.map(read));
};

const cookie = async (): Promise<string> => {
  const response = await fetch(`${url}/session`, {
    method: 'POST',
    body: new URLSearchParams({ key: OPERATOR_KEY }),
    redirect: 'manual',
  });
  return (response.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
};

/** Everything that anybody may read: files of Redis (each change that it ever made), contents, spool, logs, answers. */
const everything = async (queue: string, ids: string[]): Promise<[string, Buffer][]> => {
  const session = { cookie: await cookie(), authorization: '' };
  const basic = { authorization: `Basic ${Buffer.from(`x:${OPERATOR_KEY}`).toString('base64')}` };
  const answers = await Promise.all([
    ...[
      '/v1/emails',
      '/v1/tenants/acme/emails',
      `/v1/queues/acme/${queue}/emails`,
      '/v1/audit',
      '/v1/incidents',
      '/v1/overview',
    ].map((where) => ask('GET', where).then(({ text }): [string, string] => [where, text])),
    ...ids.flatMap((id) => [
      ...[
        '',
        '/explain',
        '/content',
        '/content?rendered=now',
        '/content?rendered=sent',
        '/content/compare',
        '/message',
        '/input',
      ].map((part) => ask('GET', path(queue, id) + part).then(({ text }): [string, string] => [part, text])),
      ask('POST', `${path(queue, id)}/preview`, { tags: ['x'] }).then(({ text }): [string, string] => [
        'preview',
        text,
      ]),
      ask('GET', `/board/api/queues/acme.${queue}/${id}`, undefined, basic).then(({ text }): [string, string] => [
        'board',
        text,
      ]),
      ...['', '/content', '/correct'].map((part) =>
        ask('GET', `/queues/acme/${queue}/emails/${id}${part}`, undefined, session).then(
          ({ text }): [string, string] => [`console ${part}`, text],
        ),
      ),
    ]),
  ]);
  return [
    ...(await filesIn(dataDir)),
    ...answers.map(([what, text]): [string, Buffer] => [what, Buffer.from(text)]),
    ...[...api.log, ...worker.log].map((line): [string, Buffer] => ['log', Buffer.from(line)]),
  ];
};

/** Where words stand: the places, each once. */
const found = async (queue: string, ids: string[], words: string[]): Promise<string[]> => {
  const forms = words.flatMap(formsOf);
  const places = (await everything(queue, ids)).filter(([, bytes]) => forms.some((form) => bytes.includes(form)));
  return [...new Set(places.map(([where]) => where))];
};

/** Emails of every kind, that say words; the source says one of them. */
const emailsOf = (words: Record<'inline' | 'data' | 'raw' | 'file' | 'source' | 'url', string>) => {
  source.answer((_request, response) => json(response, { pin: words.source }));
  const to = (name: string) => ({ to: [`${name}@example.org`], metadata: { kind: name } });
  const message = `From: vault@acme.example\r\nTo: raw@example.org\r\nSubject: ${words.raw}\r\n\r\n${words.raw}\r\n`;
  return [
    {
      ...to('inline'),
      subject: words.inline,
      html: `<p>${words.inline}`,
      text: words.inline,
      headers: { 'X-Pin': words.inline },
    },
    { ...to('large'), subject: 'Large', text: `${'x'.repeat(40_000)} ${words.inline}` },
    { ...to('template'), template: 'pin', data: { pin: words.data } },
    { ...to('raw'), raw: Buffer.from(message).toString('base64') },
    {
      ...to('file'),
      subject: 'File',
      text: 'see the file',
      attachments: [
        { filename: `${words.file}.txt`, content: Buffer.from(`it is ${words.file}`).toString('base64') },
        { filename: 'b.txt', url: `${source.url}/doc?token=${words.url}` },
      ],
    },
    { ...to('source'), template: 'pin', dataUrl: `${source.url}/data?token=${words.url}` },
  ];
};

const WORDS = ['inline', 'data', 'raw', 'file', 'source', 'url'] as const;
const someWords = (): Record<(typeof WORDS)[number], string> =>
  Object.fromEntries(WORDS.map((name) => [name, marker()])) as Record<(typeof WORDS)[number], string>;

const accept = async (queue: string, bodies: object[]): Promise<string[]> => {
  const made = bodies.map((body) =>
    call('POST', `/v1/queues/acme/${queue}/emails`, body, { 'idempotency-key': randomBytes(8).toString('hex') }),
  );
  return (await Promise.all(made)).map(({ id }) => id);
};

/** What recipients got, decoded. */
const received = async (from: number): Promise<string> => {
  const mails = await Promise.all(smtp.messages.slice(from).map((one) => one.parsed()));
  return mails
    .map((mail) =>
      [
        mail.subject,
        mail.text,
        mail.html,
        ...mail.attachments.map(({ content, filename }) => `${filename} ${content.toString()}`),
      ].join('\n'),
    )
    .join('\n');
};

test('what an email says that is not confidential is found: this search can find', async () => {
  const words = someWords();
  const bodies = emailsOf(words);
  const ids = await accept('open', bodies);
  await until('open', ids, 'sent');
  for (const word of [words.inline, words.data, words.raw, words.file, words.url])
    expect(await found('open', ids, [word])).not.toEqual([]);
  expect(await found('open', ids, [words.source])).not.toEqual([]);
  expect(await found('open', [], [hashBody(bodies[0])])).not.toEqual([]);
}, 60_000);

test('what a confidential one says is found nowhere at any time, and its recipients have it', async () => {
  const before = smtp.messages.length;
  const words = someWords();
  const corrected = marker();
  const secret = [...Object.values(words), corrected];
  const bodies = emailsOf(words);
  const search = async (stage: string, ids: string[], more: string[] = []): Promise<void> =>
    expect([stage, await found('vault', ids, [...secret, ...more])]).toEqual([stage, []]);

  await call('POST', '/v1/queues/acme/vault/pause', {});
  const ids = await accept('vault', bodies);
  const [inline = '', large = '', template = '', raw = '', file = ''] = ids;
  await search('waiting', ids, [hashBody(bodies[0])]);

  await call('PATCH', path('vault', inline), { text: `now ${corrected}` });
  await call('PATCH', path('vault', large), { to: ['larger@example.org'] });
  await call('PATCH', path('vault', template), { data: { pin: corrected } });
  await call('PATCH', path('vault', file), { tags: ['corrected'] });
  await search('corrected', ids);

  // A server that quotes what it was given.
  const quote = Object.values(words).join(' ');
  const isMessage = deferred();
  smtp.setScript({ dot: () => isMessage.promise.then(() => `451 4.3.0 not ${quote}`) });
  await call('POST', '/v1/queues/acme/vault/resume', {});
  await until('vault', ids, 'sending');
  await eventually(() =>
    expect(smtp.commands.filter((said) => said === 'DATA').length).toBeGreaterThanOrEqual(ids.length),
  );
  await search('sending', ids);
  isMessage.resolve();
  await until('vault', ids, 'deferred');
  await search('deferred', ids);
  smtp.setScript({ dot: () => `550 5.7.1 not ${quote}` });
  const sendAt = new Date().toISOString();
  await Promise.all(ids.map((id) => call('PATCH', path('vault', id), { sendAt })));
  await until('vault', ids, 'failed');
  await search('failed', ids);

  smtp.setScript({ dot: () => ({ action: 'close' }) });
  await Promise.all(ids.map((id) => call('POST', `${path('vault', id)}/release`)));
  await until('vault', ids, 'uncertain');
  await search('uncertain', ids);

  expect(smtp.messages.length).toBe(before);
  smtp.setScript({});
  await Promise.all(ids.map((id) => call('POST', `${path('vault', id)}/resolve`, { as: 'resend' })));
  await until('vault', ids, 'sent');
  await search('sent', ids);
  const mail = await received(before);
  for (const word of [words.inline, words.raw, words.file, words.source, corrected]) expect(mail).toContain(word);
  expect(mail).not.toContain(words.data);

  for (const id of ids) {
    expect(await redis.hget(queueKeys({ tenant: 'acme', application: 'vault' }).job(id), 'data')).not.toContain(
      'sealed',
    );
    expect(await code('GET', `${path('vault', id)}/content`)).toEqual([409, 'confidential']);
    expect(await code('POST', `${path('vault', id)}/resend`, { mode: 'as-sent' })).toEqual([409, 'confidential']);
  }
  expect(await call('GET', path('vault', raw))).toMatchObject({
    state: 'sent',
    metadata: { kind: 'raw' },
    to: ['raw@example.org'],
  });
  await eventually(async () => expect(await contents()).toEqual([]));
}, 60_000);

/** What the content store has for emails of the queue that is confidential: each of them has its own, sealed. */
const contents = async (): Promise<string[]> =>
  Object.keys(await redis.hgetall(queueKeys({ tenant: 'acme', application: 'vault' }).contents));

test('it is wiped when it is canceled or expires, and nothing brings it back', async () => {
  const words = someWords();
  smtp.setScript({ dot: () => '451 4.3.0 not now' });
  const [canceled = '', expired = '', wrong = ''] = await accept('vault', [
    ...emailsOf(words)
      .slice(0, 1)
      .map((body) => ({ ...body, sendAt: '2038-01-01T00:00:00Z' })),
    { ...emailsOf(words)[4], expiresAfter: '1s', attempts: 100 },
    { to: ['wrong@example.org'], template: 'wrong', data: { pin: words.data } },
  ]);
  expect(await contents()).not.toEqual([]);
  await call('POST', `${path('vault', canceled)}/cancel`);
  await until('vault', [expired], 'expired');
  await until('vault', [wrong], 'failed');
  const { reason } = await call('GET', path('vault', wrong));
  expect(reason).toMatchObject({ code: 'template-failed' });
  expect(await found('vault', [canceled, expired, wrong], Object.values(words))).toEqual([]);
  const { job } = queueKeys({ tenant: 'acme', application: 'vault' });
  // One that expired is shown so before the sweep has come.
  await eventually(async () => {
    for (const id of [canceled, expired]) expect(await redis.hget(job(id), 'data')).not.toContain('sealed');
  });
  expect(await code('POST', `${path('vault', expired)}/release`)).toEqual([409, 'confidential']);
  expect(await code('PATCH', path('vault', expired), { tags: ['x'] })).toEqual([409, 'confidential']);
  expect(await code('PATCH', path('vault', wrong), { confidential: false })).toEqual([422, 'invalid']);
  await eventually(async () => expect(await contents()).toEqual([]));
}, 30_000);

test('a batch takes it, and its key gives nothing away; what was uploaded lies there in clear, and is refused', async () => {
  const words = someWords();
  const shared = {
    subject: words.inline,
    attachments: [{ filename: 'a.txt', content: Buffer.from(words.file).toString('base64') }],
  };
  const before = smtp.messages.length;
  smtp.setScript({});
  const batch = {
    emails: [{ to: ['b1@example.org'] }, { to: ['b2@example.org'] }],
    defaults: { ...shared, text: words.data, confidential: true },
  };
  const key = { 'idempotency-key': 'batch-1' };
  await call('POST', '/v1/queues/acme/open/emails/batch', batch, key);
  expect(await call('POST', '/v1/queues/acme/open/emails/batch', batch, key)).toMatchObject({ results: [{}, {}] });
  await smtp.waitForMessages(before + 2);
  const mail = await received(before);
  expect(mail.split(words.file).length).toBe(3);
  expect(await found('vault', [], [...Object.values(words), hashBody({ batch })])).toEqual([]);
  const { contentId } = await call<{ contentId: string }>('POST', '/v1/queues/acme/vault/content', { any: 'thing' });
  const enclosing = { to: ['u@example.org'], subject: 'x', text: 'y', attachments: [{ filename: 'a', contentId }] };
  expect(await code('POST', '/v1/queues/acme/vault/emails', enclosing)).toEqual([422, 'invalid']);
}, 30_000);
