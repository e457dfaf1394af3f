// Redis killed under load and started again on its append-only file: every 202 is kept, and workers go on by themselves.
import { startRedis } from '../../../dev/redis';
import { JOURNALED } from '../../support/redis/redis-journal';
import { wasUncertain } from '../../support/emails';
import { FULL, showTable } from '../../support/fault';
import { setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { deferred, eventually } from '../../support/wait';

const SIZE = FULL ? { kills: 5, rounds: 10_000 } : { kills: 3, rounds: 150 };
/** With `everysec` Redis may answer before it writes, while the disk is busy: a kill alone can lose what was answered. */
const FSYNC = 'always';
/** How long after Redis is back workers must have sent something. */
const RESUME_MS = 10_000;
/** A mark that was not written costs a lock, a look, the quarantine of an intent and one more attempt. */
const SETTLED_MS = 90_000;

let service: Service;
let smtp: SmtpServer;

beforeAll(async () => {
  smtp = await startSmtpServer({ script: { dot: () => ({ delay: 5 }) } });
  service = await startService({ workers: 2, worker: { concurrency: 20 }, plainRedis: true });
  const redis = await service.redis.connect();
  await redis.call('CONFIG', 'SET', 'appendfsync', FSYNC);
  redis.disconnect();
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});

const seen = { 202: 0, 503: 0 };
/** Ids of emails that were answered by 202; nothing is repeated here, what was answered otherwise may be there or not. */
const accepted = new Map<string, string>();
let asked = 0;

const post = async (emails: string): Promise<void> => {
  const to = `r${asked++}@example.org`;
  const { status, body } = await service.call<EmailBody>('POST', emails, { to: [to], subject: 'x', text: 'x' });
  expect([202, 503]).toContain(status);
  seen[status as 202 | 503]++;
  if (status === 202) accepted.set(body.id, to);
};

/** Kills Redis after its share of acceptances and starts it again. @returns how long workers took to go on, ms */
const killRedis = async (after: number, reached: Promise<void>): Promise<number> => {
  await reached;
  expect(accepted.size).toBeGreaterThanOrEqual(after);
  await service.redis.kill('SIGKILL');
  service.redis = await startRedis({ dataDir: service.dataDir, extra: [...JOURNALED, `appendfsync ${FSYNC}`] });
  const sent = smtp.messages.length;
  const begun = Date.now();
  await smtp.waitForMessages(sent + 1, RESUME_MS);
  return Date.now() - begun;
};

/** Clients that keep asking until the last kill is over. @returns how long workers took to go on after each, ms */
const load = async (emails: string): Promise<number[]> => {
  const resumed: number[] = [];
  let going = true;
  let share = deferred<void>();
  let shareAt = 0;
  const client = async (): Promise<void> => {
    while (going) {
      await post(emails);
      if (accepted.size >= shareAt) share.resolve();
    }
  };
  const killer = async (): Promise<void> => {
    try {
      for (let kill = 0; kill < SIZE.kills; kill++) {
        share = deferred<void>();
        shareAt = accepted.size + Math.ceil((SIZE.rounds / SIZE.kills) * (0.5 + Math.random()));
        resumed.push(await killRedis(shareAt, share.promise));
      }
    } finally {
      going = false;
    }
  };
  await Promise.all([killer(), ...Array.from({ length: 8 }, client)]);
  return resumed;
};

test(
  'redis-restart: everything that was answered by 202 is sent or visible, and workers resume',
  async () => {
    const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, {
      concurrency: 20,
      backoff: { delay: '200ms' },
    });
    const resumed = await load(emails);
    const states = await eventually(
      async () => {
        const { counts } = await service.ok<{ counts: Record<string, number> }>('GET', `/v1/queues/${queue}`);
        const rest = Object.entries(counts).filter(([state, count]) => count > 0 && state !== 'sent');
        expect(rest).toEqual([]);
        return counts;
      },
      { timeout: SETTLED_MS, every: 100 },
    );
    const received = smtp.messages.map(({ to }) => to[0] ?? '');
    const arrived = new Set(received);
    let lost = 0;
    for (const [id, recipient] of accepted) {
      if (arrived.has(recipient)) continue;
      if ((await service.call('GET', `${emails}/${id}`)).status !== 200) lost++;
    }
    const twice = [...arrived].filter((recipient) => received.indexOf(recipient) !== received.lastIndexOf(recipient));
    const recorded = await Promise.all(twice.map((recipient) => wasUncertain(service, queue, recipient)));
    const row = {
      kills: resumed.length,
      202: seen[202],
      503: seen[503],
      sent: states['sent'] ?? 0,
      received: arrived.size,
      lost,
      twice: twice.length,
      'twice unrecorded': recorded.filter((known) => !known).length,
      'resumed after, ms': Math.max(...resumed),
    };
    showTable('redis-restart', [row]);
    expect(row).toMatchObject({ kills: SIZE.kills, lost: 0 });
    // Nothing waits any more: what was accepted has arrived, not only been kept.
    expect([...accepted.values()].filter((recipient) => !arrived.has(recipient))).toEqual([]);
  },
  FULL ? 3_600_000 : 150_000,
);
