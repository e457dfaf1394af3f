// Large documents cost their bytes once: in the store, not in Redis, and not in the memory of a worker.
import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { startHttpSource, type HttpSource } from '../../support/http/http-source';
import { serviceEnv, startProcess, type ServiceProcess } from '../../support/processes/process';
import { anEmail, setUpQueue, startService, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

const MIB = 1024 * 1024;

let service: Service;
let smtp: SmtpServer;
let source: HttpSource;
let worker: ServiceProcess;
let queue: string;
let emails: string;

beforeAll(async () => {
  service = await startService({ workers: 0, api: { allowPrivate: ['127.0.0.1'] } });
  [smtp, source] = [await startSmtpServer(), await startHttpSource()];
  ({ queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, {
    dataSources: [source.url],
    history: { days: 0 },
  }));
  worker = await startProcess('worker', {
    ...serviceEnv(service.redis.url, service.dataDir),
    ROHRPOST_CONCURRENCY: '8',
    ROHRPOST_ALLOW_PRIVATE_HOSTS: '127.0.0.1',
  });
});
afterAll(async () => {
  await worker.end('SIGTERM');
  await service.close();
  await smtp.close();
  await source.close();
});

/** Bytes of all files of a folder. */
const sizeOf = async (folder: string): Promise<number> => {
  const files = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = files.filter((file) => file.isFile()).map((file) => stat(join(file.parentPath, file.name)));
  return (await Promise.all(sizes)).reduce((sum, { size }) => sum + size, 0);
};

const usedByRedis = async (): Promise<number> => {
  const redis = await service.redis.connect();
  const [, used] = /used_memory:(\d+)/.exec(String(await redis.call('INFO', 'memory'))) ?? [];
  redis.disconnect();
  return Number(used);
};

/** Bytes that the worker holds: now, or at most so far. */
const heldByWorker = async (which: 'VmRSS' | 'VmHWM'): Promise<number> => {
  const status = await readFile(`/proc/${worker.child.pid}/status`, 'utf8');
  return Number(new RegExp(`${which}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024;
};

/** Waits for so many, each with these bytes attached, and lets go of them: this process shall not hold them all. */
const receive = async (count: number, bytes: Buffer): Promise<void> => {
  // Parsing as many as that would take minutes; base64 in lines of 76 is how it travels (RFC 2045 6.8).
  const encoded = Buffer.from(bytes.toString('base64').replace(/.{76}/g, '$&\r\n'));
  let [received, wrong] = [0, 0];
  await eventually(
    () => {
      for (const { raw } of smtp.messages.splice(0)) {
        received++;
        if (!raw.includes(encoded)) wrong++;
      }
      expect(received).toBe(count);
    },
    { timeout: 120_000 },
  );
  expect(wrong).toBe(0);
};

const hashOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const nothingLeft = (): Promise<void> =>
  eventually(
    async () => {
      expect((await service.ok<{ emails: unknown[] }>('GET', emails)).emails).toEqual([]);
      expect([
        await sizeOf(join(service.dataDir, 'content', 'sha256')),
        await sizeOf(join(service.dataDir, 'spool')),
      ]).toEqual([0, 0]);
    },
    { timeout: 30_000, every: 200 },
  );

test('200 emails with the same 5 MiB: Redis grows by less than 1 MiB, the store by 5, a worker by less than 100', async () => {
  await service.ok('POST', emails, anEmail());
  await smtp.waitForMessages(1);
  smtp.messages.length = 0;
  const bytes = randomBytes(5 * MIB);
  const redisBefore = await usedByRedis();
  await service.ok('POST', `/v1/queues/${queue}/pause`);
  const content = bytes.toString('base64');
  const first = anEmail({ attachments: [{ filename: 'a.bin', content }] });
  await service.ok('POST', emails, first);
  const rest = Array.from({ length: 199 }, (_, n) =>
    anEmail({ to: [`r${n}@example.org`], attachments: [{ filename: 'a.bin', contentId: `sha256-${hashOf(bytes)}` }] }),
  );
  await service.ok('POST', `${emails}/batch`, { emails: rest });
  expect((await usedByRedis()) - redisBefore).toBeLessThan(MIB);
  expect(await sizeOf(join(service.dataDir, 'content', 'sha256'))).toBe(bytes.length);

  const workerBefore = await heldByWorker('VmRSS');
  await service.ok('POST', `/v1/queues/${queue}/resume`);
  await receive(200, bytes);
  expect((await heldByWorker('VmHWM')) - workerBefore).toBeLessThan(100 * MIB);
  await nothingLeft();
}, 180_000);

test('8 emails that each fetch 20 MiB: a worker does not hold them', async () => {
  const bytes = randomBytes(20 * MIB);
  source.answer((_request, response) => response.end(bytes));
  const before = await heldByWorker('VmRSS');
  const lines = Array.from({ length: 8 }, (_, n) =>
    anEmail({ to: [`r${n}@example.org`], attachments: [{ filename: 'a.bin', url: `${source.url}/${n}` }] }),
  );
  await service.ok('POST', `${emails}/batch`, { emails: lines });
  await receive(8, bytes);
  expect((await heldByWorker('VmHWM')) - before).toBeLessThan(100 * MIB);
  expect(source.asked).toHaveLength(8);
  await nothingLeft();
}, 180_000);
