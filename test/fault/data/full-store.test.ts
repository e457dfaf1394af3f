// A store that takes only a part of what is written, or gives back something else: nothing is kept, shown or sent cut off.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdir, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startHttpSource, type HttpSource } from '../../support/http/http-source';
import { serviceEnv, startProcess, type ServiceProcess } from '../../support/processes/process';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

const LIMIT = 100 * 1024;
const LARGE = randomBytes(3 * LIMIT);

let service: Service;
let smtp: SmtpServer;
let source: HttpSource;
const processes: ServiceProcess[] = [];

beforeAll(async () => {
  smtp = await startSmtpServer();
  source = await startHttpSource();
  service = await startService({ workers: 0, api: { allowPrivate: ['127.0.0.1'] } });
});
afterAll(async () => {
  for (const one of processes) await one.end('SIGTERM');
  await service.close();
  await smtp.close();
  await source.close();
});

const start = async (app: 'api' | 'worker'): Promise<ServiceProcess> => {
  const env = { ...serviceEnv(service.redis.url, service.dataDir), ROHRPOST_ALLOW_PRIVATE_HOSTS: '127.0.0.1' };
  const started = await startProcess(app, env);
  processes.push(started);
  return started;
};

/** Files of the process may grow to so many bytes: a write across that bound is cut short, the next one fails (EFBIG). */
const limitFiles = ({ child }: ServiceProcess, bytes: number | 'unlimited'): void => {
  const { status, stderr } = spawnSync('prlimit', ['--pid', String(child.pid), `--fsize=${bytes}:unlimited`]);
  if (status !== 0) throw new Error(`prlimit (of util-linux): ${String(stderr)}`);
};

const files = async (): Promise<string[]> => {
  const all = await readdir(join(service.dataDir, 'content', 'sha256'), { recursive: true, withFileTypes: true }).catch(
    () => [],
  );
  return all.filter((one) => one.isFile()).map(({ parentPath, name }) => join(parentPath, name));
};

interface Body extends Record<string, unknown> {
  code?: string;
  contentId?: string;
  problems?: string[];
  reasons?: { code: string; text: string }[];
}

const ask = async (port: number, method: string, path: string, body?: Buffer | object) => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${OPERATOR_KEY}`,
      ...(body !== undefined && !Buffer.isBuffer(body) && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: Buffer.isBuffer(body) ? body : JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Body, headers: response.headers };
};

test('the API: 507 storage-full, told by readyz and explain, nothing kept, and all is well when there is room', async () => {
  const { queue, emails } = await setUpQueue(service, 'acme/api', smtp.port, { enabled: false });
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail({ archive: true }));
  const api = await start('api');
  await eventually(async () => expect((await ask(api.port, 'GET', '/readyz')).status).toBe(200));
  limitFiles(api, LIMIT);
  const attachments = [{ filename: 'a.bin', content: LARGE.toString('base64') }];
  const refused = [
    await ask(api.port, 'POST', `/v1/queues/${queue}/content`, LARGE),
    await ask(api.port, 'POST', emails, anEmail({ attachments })),
    await ask(api.port, 'PATCH', `${emails}/${id}`, { attachments }),
  ];
  for (const { status, body, headers } of refused)
    expect([status, body.code, headers.get('retry-after')]).toEqual([507, 'storage-full', '30']);
  expect(await files()).toEqual([]);
  expect((await service.ok<{ emails: EmailBody[] }>('GET', emails)).emails).toHaveLength(1);
  const ready = await ask(api.port, 'GET', '/readyz');
  expect([ready.status, ready.body.problems]).toEqual([503, [expect.stringContaining('may not grow so large')]]);
  const { reasons = [] } = (await ask(api.port, 'GET', `${emails}/${id}/explain`)).body;
  expect(reasons.map(({ code }) => code)).toContain('storage-full');

  limitFiles(api, 'unlimited');
  const kept = await ask(api.port, 'POST', `/v1/queues/${queue}/content`, LARGE);
  expect(kept.status).toBe(201);
  await eventually(async () => expect((await ask(api.port, 'GET', '/readyz')).status).toBe(200));
});

test('a worker: what is fetched or archived waits for room without an attempt, and is sent whole', async () => {
  const worker = await start('worker');
  limitFiles(worker, LIMIT);
  const { queue, emails } = await setUpQueue(service, 'acme/worker', smtp.port, { dataSources: [`${source.url}/`] });
  source.answer((_request, response) => void response.end(LARGE));
  const given = [
    { attachments: [{ filename: 'a.bin', url: `${source.url}/a.bin` }] },
    { attachments: [{ filename: 'b.bin', content: LARGE.toString('base64') }], archive: true },
  ];
  const ids: string[] = [];
  for (const one of given) ids.push((await service.ok<EmailBody>('POST', emails, anEmail(one))).id);
  await eventually(() => {
    for (const id of ids)
      expect(worker.log.some((line) => line.includes(id) && line.includes('may not grow so large'))).toBe(true);
  });
  for (const id of ids) expect(await service.email(queue, id)).toMatchObject({ state: 'queued', attemptsMade: 0 });
  expect(smtp.messages).toHaveLength(0);

  limitFiles(worker, 'unlimited');
  for (const id of ids) await service.ok('POST', `${emails}/${id}/send-now`);
  const mails = await smtp.waitForMessages(2);
  for (const mail of mails) expect((await mail.parsed()).attachments[0]?.content.equals(LARGE)).toBe(true);
  const message = await service.call('GET', `${emails}/${ids[1] ?? ''}/message`);
  expect(message.status).toBe(200);
});

describe('what lies under a name is something else', () => {
  const cut = (path: string, size: number): Promise<void> => truncate(path, size - 1);
  const changed = (path: string, size: number): Promise<void> => writeFile(path, Buffer.alloc(size));

  test.each([
    ['cut off', 10_000, cut],
    ['changed', 10_000, changed],
    ['cut off, sent as it is read', 1_000_000, cut],
    ['changed, sent as it is read', 1_000_000, changed],
  ])('%s: never sent, failed with words', async (_how, size, damage) => {
    if (processes.length < 2) await start('worker');
    const { queue, emails } = await setUpQueue(service, `acme/d${randomBytes(4).toString('hex')}`, smtp.port, {
      enabled: false,
    });
    const before = smtp.messages.length;
    const kept = await files();
    const attachments = [{ filename: 'a.bin', content: randomBytes(size).toString('base64') }];
    const { id } = await service.ok<EmailBody>('POST', emails, anEmail({ attachments }));
    const [path = ''] = (await files()).filter((one) => !kept.includes(one));
    await damage(path, size);
    await service.ok('POST', `/v1/queues/${queue}/resume`);
    const failed = await eventually(async () => {
      const email = await service.email(queue, id);
      expect(email.state).toBe('failed');
      return email;
    });
    expect(failed.reason).toMatchObject({
      code: 'content-missing',
      text: expect.stringContaining('damaged') as string,
    });
    expect(smtp.messages).toHaveLength(before);
    // Whoever hands the same bytes in again mends it.
    await service.ok('POST', emails, anEmail({ attachments }));
    const [mail] = (await smtp.waitForMessages(before + 1)).slice(-1);
    expect((await mail?.parsed())?.attachments[0]?.size).toBe(size);
  });

  test('a folder that is gone is no content that is missing: the email waits', async () => {
    if (processes.length < 2) await start('worker');
    const { queue, emails } = await setUpQueue(service, 'acme/unmounted', smtp.port, { enabled: false });
    const attachments = [{ filename: 'a.bin', content: randomBytes(1_000).toString('base64') }];
    const { id } = await service.ok<EmailBody>('POST', emails, anEmail({ attachments }));
    const folder = join(service.dataDir, 'content', 'sha256');
    await rename(folder, `${folder}.away`);
    await service.ok('POST', `/v1/queues/${queue}/resume`);
    const worker = processes.at(-1);
    await eventually(() =>
      expect(worker?.log.some((line) => line.includes(id) && line.includes('mounted'))).toBe(true),
    );
    expect(await service.email(queue, id)).toMatchObject({ state: 'queued', attemptsMade: 0 });
    await rename(`${folder}.away`, folder);
    await service.ok('POST', `${emails}/${id}/send-now`);
    await eventually(async () => expect((await service.email(queue, id)).state).toBe('sent'));
  });
});
