// A Redis that is full refuses new emails by name, loses none that it has, and all goes on when there is room again.
import { listAll, wasUncertain } from '../../support/emails';
import { FULL, showTable } from '../../support/fault';
import { setUpQueue, startService, type Answer, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

const SIZE = FULL ? { emails: 3_000, rounds: 3, fullMs: 15_000 } : { emails: 300, rounds: 1, fullMs: 2_000 };
const ROOM = 256 * 1_024;
/** Large enough to fill the room within a round. */
const TEXT = 'A line of a long email.\n'.repeat(200);
/** A hand-over that could not be recorded costs a lock, a look, the quarantine of its intent and one more attempt. */
const SETTLED_MS = 90_000;

let service: Service;
let smtp: SmtpServer;

beforeAll(async () => {
  smtp = await startSmtpServer({ script: { dot: () => ({ delay: 5 }) } });
  service = await startService({ workers: 2, worker: { concurrency: 20 } });
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});

const ask = async <T>(...command: [string, ...string[]]): Promise<T> => {
  const redis = await service.redis.connect();
  const answer = (await redis.call(...command)) as T;
  redis.disconnect();
  return answer;
};

const usedMemory = async (): Promise<number> =>
  Number(/used_memory:(\d+)/.exec(await ask<string>('INFO', 'memory'))?.[1]);
const limitMemory = (bytes: number): Promise<unknown> => ask('CONFIG', 'SET', 'maxmemory', `${bytes}`);

const seen = { 202: 0, 503: 0, 507: 0 };

/** Repeats with the same key until it is accepted. @returns the id */
const insist = async (emails: string, n: number): Promise<string> => {
  const email = { to: [`r${n}@example.org`], subject: 'x', text: TEXT, priority: n % 3 === 0 ? 'high' : 'normal' };
  for (;;) {
    const answer: Answer<EmailBody> = await service.call('POST', emails, email, {
      headers: { 'idempotency-key': `key-${n}` },
    });
    const { status } = answer;
    expect([202, 503, 507]).toContain(status);
    seen[status as keyof typeof seen]++;
    if (status === 202) return answer.body.id;
    expect(answer.body).toMatchObject({ code: status === 507 ? 'queue-full' : 'unavailable' });
  }
};

/** Fills Redis up, keeps it full while clients go on asking, and makes room again. @returns hand-overs that were given up */
const fillUp = async (): Promise<number> => {
  const before = seen[507];
  await limitMemory((await usedMemory()) + ROOM);
  await eventually(() => expect(seen[507]).toBeGreaterThan(before), { timeout: 30_000 });
  const given = { up: smtp.commands.filter((line) => line === 'DATA').length - smtp.messages.length };
  const until = Date.now() + SIZE.fullMs;
  await eventually(() => expect(Date.now()).toBeGreaterThan(until), { timeout: SIZE.fullMs * 2 });
  given.up = smtp.commands.filter((line) => line === 'DATA').length - smtp.messages.length - given.up;
  await limitMemory(0);
  return given.up;
};

test(
  'redis-full: 507 by name, 0 lost, and everything is sent when there is room',
  async () => {
    const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, {
      concurrency: 20,
      backoff: { delay: '200ms' },
    });
    const ids: string[] = [];
    let next = 0;
    const client = async (): Promise<void> => {
      for (let n = next++; n < SIZE.emails; n = next++) ids.push(await insist(emails, n));
    };
    let givenUp = 0;
    const filler = async (): Promise<void> => {
      for (let round = 0; round < SIZE.rounds; round++) {
        await eventually(() => expect(ids.length).toBeGreaterThan((SIZE.emails * (round + 0.2)) / SIZE.rounds), {
          timeout: 60_000,
        });
        givenUp += await fillUp();
      }
    };
    await Promise.all([filler(), ...Array.from({ length: 8 }, client)]);

    const status = await eventually(
      async () => {
        const found = await service.ok<{ counts: Record<string, number> }>('GET', `/v1/queues/${queue}`);
        expect(found.counts).toMatchObject({ sent: SIZE.emails, failed: 0 });
        return found;
      },
      { timeout: SETTLED_MS, every: 100 },
    );
    const received = smtp.messages.map(({ to }) => to[0] ?? '');
    const arrived = new Set(received);
    const twice = [...arrived].filter((recipient) => received.indexOf(recipient) !== received.lastIndexOf(recipient));
    const recorded = await Promise.all(twice.map((recipient) => wasUncertain(service, queue, recipient)));
    const listed = await listAll(service, emails);
    const row = {
      'times full': SIZE.rounds,
      202: seen[202],
      507: seen[507],
      503: seen[503],
      'hand-overs given up': givenUp,
      sent: status.counts['sent'] ?? 0,
      received: arrived.size,
      lost: SIZE.emails - arrived.size,
      twice: twice.length,
      'twice unrecorded': recorded.filter((known) => !known).length,
    };
    showTable('redis-full', [row]);
    expect(row).toMatchObject({ 202: SIZE.emails, sent: SIZE.emails, lost: 0, 'twice unrecorded': 0 });
    expect(row[507]).toBeGreaterThan(0);
    expect(listed.map(({ id }) => id).sort()).toEqual(ids.sort());
  },
  FULL ? 3_600_000 : 150_000,
);
