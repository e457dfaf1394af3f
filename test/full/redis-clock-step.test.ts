// Redis' own clock is set while emails wait, by hours forward and back (a preloaded gettimeofday): nothing is lost, nothing goes twice.
import { spawnSync } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findRedisBinary } from '../../dev/redis-binary';
import { showTable } from '../support/fault';
import { startTestRedis } from '../support/redis/test-redis';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../support/service';
import { startSmtpServer, type SmtpServer } from '../support/smtp/smtp-server';
import { eventually } from '../support/wait';

/** A compiler of C. */
const CC = process.env['ROHRPOST_TEST_CC'] ?? '';
const HOURS = 3;
/** Within this every process has noticed, and what is due has left. ms */
const NOTICED_MS = 60_000;

let service: Service;
let smtp: SmtpServer;
let clockFile: string;
let library: string;

beforeAll(async () => {
  library = join(await mkdtemp(join(tmpdir(), 'rohrpost-clock-')), 'set-clock.so');
  const { status, stderr } = spawnSync(CC, [
    '-shared',
    '-fPIC',
    '-o',
    library,
    join(__dirname, '../support/redis/set-clock.c'),
  ]);
  expect([status, String(stderr)]).toEqual([0, '']);
});
afterAll(() => rm(dirname(library), { recursive: true }));

/** Redis' clock is by so many seconds ahead of the machine's from now on. */
const setClock = (seconds: number): void => {
  writeFileSync(`${clockFile}.new`, `${seconds}\n`);
  // At once: nobody reads half of it.
  renameSync(`${clockFile}.new`, clockFile);
};

beforeEach(async () => {
  smtp = await startSmtpServer();
  service = await startService({
    workers: 2,
    startRedis: async (dataDir) => {
      clockFile = join(dataDir, 'clock');
      setClock(0);
      const binary = await findRedisBinary(dataDir);
      const env = { ...binary.env, LD_PRELOAD: library, SET_CLOCK_FILE: clockFile };
      return startTestRedis({ dataDir, plain: true, binary: { ...binary, env } });
    },
  });
});
afterEach(async () => {
  await service.close();
  await smtp.close();
});

const redisTime = async (): Promise<number> => {
  const redis = await service.redis.connect();
  const [seconds] = await redis.time();
  redis.disconnect();
  return Number(seconds) * 1_000;
};

const subjectsSent = (): string[] =>
  smtp.messages.map(({ raw }) => /^Subject: (.*)\r$/m.exec(String(raw))?.[1] ?? '').sort();

/** Emails for now, and for an hour from now, by Redis' clock. */
const accept = async (emails: string, name: string, count: number, sendAt?: number): Promise<string[]> => {
  const subjects = Array.from({ length: count }, (_, n) => `${name} ${n}`);
  for (const subject of subjects)
    await service.ok<EmailBody>(
      'POST',
      emails,
      anEmail({ subject, ...(sendAt !== undefined && { sendAt: new Date(sendAt).toISOString() }) }),
    );
  return subjects;
};

test.each([
  ['forward', HOURS],
  ['back', -HOURS],
])(
  '%s by hours while emails are sent and wait: each leaves once, at its time by the new clock',
  async (direction, hours) => {
    const { emails } = await setUpQueue(service, 'acme/app', smtp.port);
    smtp.setScript({ dot: () => ({ delay: 200 }) });
    const inAnHour = (await redisTime()) + 3_600_000;
    const later = await accept(emails, 'later', 10, inAnHour);
    const before = await accept(emails, 'before', 100);
    setClock(hours * 3_600);
    const begun = performance.now();
    const after = await accept(emails, 'after', 20);
    const wanted = [...before, ...after, ...(hours > 0 ? later : [])].sort();
    await eventually(() => expect(subjectsSent()).toEqual(expect.arrayContaining(wanted) as string[]), {
      timeout: NOTICED_MS,
    });
    const took = performance.now() - begun;
    if (hours < 0) {
      // Back again: what was for an hour from then is due when the clock is beyond it.
      expect(subjectsSent().filter((subject) => subject.startsWith('later'))).toEqual([]);
      setClock(2 * 3_600);
      await eventually(() => expect(subjectsSent()).toEqual([...wanted, ...later].sort()), { timeout: NOTICED_MS });
    }
    expect(subjectsSent()).toEqual([...before, ...after, ...later].sort());
    showTable(`Redis' clock set ${direction} by ${HOURS} h`, [
      { emails: 130, sent: smtp.messages.length, 'all due gone after s': Math.round(took / 1_000) },
    ]);
    await eventually(async () => {
      const { counts } = await service.ok<{ counts: Record<string, number> }>('GET', '/v1/queues/acme/app');
      expect(counts['sent']).toBe(130);
    });
  },
  180_000,
);
