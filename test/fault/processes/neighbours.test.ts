// A neighbour with a slow or silent server, with many queues, or with a wide one: other tenants' emails go out as if they were alone.
import { serviceEnv, startProcess, type ServiceProcess } from '../../support/processes/process';
import { FULL, showTable } from '../../support/fault';
import { aBatch } from '../../support/emails';
import { anEmail, setUpQueue, startService, type Service } from '../../support/service';
import type { Script } from '../../support/smtp/smtp-script';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

/** Emails of B, one after the other. */
const OF_B = FULL ? 100 : 12;
/** What is this fast is fast enough, whatever it is alone; the short form shares the processors with other tests. ms */
const FAST_MS = FULL ? 250 : 1_500;
/** An email of B that is not there by then is counted as if it had come then. ms */
const PATIENCE_MS = FULL ? 30_000 : 3_000;
/** Large emails of A. */
const OF_LARGE = FULL ? 12 : 3;
const WORKERS = FULL ? [1, 4] : [1];

let service: Service;
let ofA: SmtpServer;
let ofB: SmtpServer;
let workers: ServiceProcess[] = [];
const found: Record<string, string | number>[] = [];

beforeEach(async () => {
  [ofA, ofB] = [await startSmtpServer(), await startSmtpServer()];
  service = await startService({ workers: 0 });
  await setUpQueue(service, 'b/app', ofB.port);
});
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.end('SIGKILL')));
  await service.close();
  await Promise.all([ofA.close(), ofB.close()]);
});
afterAll(() => showTable('neighbours', found));

const startWorkers = async (count: number): Promise<void> => {
  const env = serviceEnv(service.redis.url, service.dataDir);
  workers = await Promise.all(Array.from({ length: count }, () => startProcess('worker', env)));
};

/** From the request until B's server has taken it, for one email after the other. ms */
const latenciesOfB = async (count: number): Promise<number[]> => {
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const [begun, before] = [Date.now(), ofB.messages.length];
    await service.ok('POST', '/v1/queues/b/app/emails', anEmail());
    await ofB.waitForMessages(before + 1, PATIENCE_MS).catch(() => undefined);
    times.push((ofB.messages[before]?.at ?? Infinity) - begun);
  }
  return times.sort((a, b) => a - b);
};
/** What 99 of 100 stay below; in the short form what half of them do: a neighbour delays each, a busy machine a few. */
const worst = (times: number[]): number => times[Math.ceil(times.length * (FULL ? 0.99 : 0.5)) - 1] ?? Infinity;

const note = (neighbour: string, count: number, alone: number, beside: number): void =>
  void found.push({
    neighbour,
    workers: count,
    'B alone': `${alone} ms`,
    'B beside A': `${beside} ms`,
    'A open': ofA.maxOpen,
  });

/** Queues of A, each with so many emails. */
const fillA = async (queues: number, emails: number, settings = {}): Promise<void> => {
  for (let begun = 0; begun < queues; begun += 20) {
    const some = Array.from({ length: Math.min(20, queues - begun) }, (_, n) => `a/app-${begun + n}`);
    await Promise.all(some.map((queue) => setUpQueue(service, queue, ofA.port, settings)));
    await Promise.all(
      some.map((queue, n) =>
        service.ok('POST', `/v1/queues/${queue}/emails/batch`, aBatch((begun + n) * emails, emails)),
      ),
    );
  }
};

/** A's server answers again, and loses nothing: what it had not answered goes to it once more. */
const arrived = async (queues: number, emails: number): Promise<void> => {
  ofA.setScript({});
  const to = () => new Set(ofA.messages.map((message) => message.to[0])).size;
  await eventually(() => expect(to()).toBe(queues * emails), { timeout: 1_200_000, every: 500 });
};

const always = (delay: number): Script => {
  const late = () => ({ delay });
  return { connect: late, ehlo: late, mail: late, rcpt: late, data: late, dot: late };
};
const STORIES = [
  { neighbour: '5 queues, 280 s for MAIL', script: { mail: () => ({ delay: 280_000 }) }, queues: 5, emails: 100 },
  { neighbour: '5 queues, 20 s a reply', script: always(20_000), queues: 5, emails: 100 },
  { neighbour: 'many queues of 8, 1 s a reply', script: always(1_000), queues: FULL ? 600 : 150, emails: 8 },
  {
    neighbour: 'one queue, concurrency 1000',
    script: always(20_000),
    queues: 1,
    emails: 1_000,
    settings: { concurrency: 1_000 },
  },
];

describe.each(WORKERS)('%d workers', (count) => {
  test.each(STORIES)(
    '$neighbour',
    async ({ neighbour, script, queues, emails, settings }) => {
      await startWorkers(count);
      await latenciesOfB(3);
      const alone = worst(await latenciesOfB(OF_B));
      ofA.setScript(script);
      await fillA(queues, emails, settings);
      await eventually(() => expect(ofA.open).toBeGreaterThan(40));
      const beside = worst(await latenciesOfB(OF_B));
      note(neighbour, count, alone, beside);
      expect(beside).toBeLessThanOrEqual(Math.max(2 * alone, FAST_MS));
      if (FULL) await arrived(queues, emails);
    },
    3_600_000,
  );
});

test('many `verify` at a silent host', async () => {
  await startWorkers(1);
  const verify = (tenant: string) => service.call('POST', `/v1/tenants/${tenant}/transports/default/verify`);
  const timed = async (): Promise<number> => {
    const begun = Date.now();
    expect(await verify('b')).toMatchObject({ status: 200, body: { ok: true } });
    return Date.now() - begun;
  };
  await timed();
  const alone = await timed();
  ofA.setScript({ connect: () => ({ action: 'stall' }) });
  await setUpQueue(service, 'a/app', ofA.port);
  const ofNeighbour = Array.from({ length: 80 }, () => verify('a').catch(() => undefined));
  await eventually(() => expect(ofA.open).toBe(8));
  const beside = worst([await timed(), await timed(), await timed()].sort((a, b) => a - b));
  note('80 verify at a silent host', 1, alone, beside);
  expect(ofA.open).toBe(8);
  expect(beside).toBeLessThanOrEqual(Math.max(2 * alone, FAST_MS));
  await ofA.close();
  await Promise.all(workers.map((worker) => worker.end('SIGKILL')));
  await service.api.lifecycle.stop('end of test');
  await Promise.all(ofNeighbour);
});

test('202 bulk operations on many emails', async () => {
  const { queue } = await setUpQueue(service, 'a/app', ofA.port);
  await service.ok('POST', `/v1/queues/${queue}/pause`);
  await service.ok('POST', `/v1/queues/b/app/pause`);
  await service.ok('POST', `/v1/queues/${queue}/emails/batch`, aBatch(0, FULL ? 300 : 100));
  await service.ok('POST', '/v1/queues/b/app/emails/batch', aBatch(0, 5));
  const bulk = async (of: string, action: string): Promise<string> =>
    (await service.ok<{ id: string }>('POST', `/v1/queues/${of}/emails/bulk`, { action, all: true })).id;
  const done = (id: string, timeout: number) =>
    eventually(async () => expect(await service.ok('GET', `/v1/operations/${id}`)).toMatchObject({ state: 'done' }), {
      timeout,
    });
  const timed = async (action: string): Promise<number> => {
    const begun = Date.now();
    await done(await bulk('b/app', action), PATIENCE_MS * 4);
    return Date.now() - begun;
  };
  const alone = await timed('hold');
  const actions = Array.from({ length: 202 }, (_, n) => (n % 2 === 0 ? 'hold' : 'release'));
  const ofNeighbour = await Promise.all(actions.map((action) => bulk(queue, action)));
  const beside = [await timed('release'), await timed('hold'), await timed('release')].sort((a, b) => a - b);
  note('202 bulk operations', 0, alone, worst(beside));
  // Two at once in each API process, each for a slice: there is no place that is kept.
  expect(worst(beside)).toBeLessThanOrEqual(Math.max(2 * alone, 4 * FAST_MS));
  if (FULL) await done(ofNeighbour.at(-1) ?? '', 600_000);
}, 700_000);

test('12 emails of 16.8 MB of html', async () => {
  await startWorkers(1);
  await latenciesOfB(3);
  const alone = worst(await latenciesOfB(OF_B));
  const { queue, emails } = await setUpQueue(service, 'a/app', ofA.port);
  await service.ok('POST', `/v1/queues/${queue}/pause`);
  const html = '<p>Grüße an alle</p>\n'.repeat(800_000);
  for (let n = 0; n < OF_LARGE; n++) await service.ok('POST', emails, anEmail({ html, text: undefined }));
  await service.ok('POST', `/v1/queues/${queue}/resume`);
  const beside: number[] = [];
  while (ofA.messages.length < OF_LARGE && beside.length < 500) beside.push(...(await latenciesOfB(1)));
  beside.sort((a, b) => a - b);
  note(`${OF_LARGE} of 16.8 MB`, 1, alone, worst(beside));
  expect(ofA.messages).toHaveLength(OF_LARGE);
  expect(worst(beside)).toBeLessThanOrEqual(Math.max(2 * alone, FAST_MS));
}, 240_000);
