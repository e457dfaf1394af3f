// A Redis that turns into a replica between a server's 250 and the mark of it: no twin that nobody knew of, nothing lost.
import { wasUncertain } from '../../support/emails';
import { FULL, showTable } from '../../support/fault';
import { setUpQueue, startService, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

const SIZE = FULL ? { emails: 5_000, toggles: 50 } : { emails: 300, toggles: 4 };
/** Writes that must have been refused before Redis may be written again. */
const REFUSED = 5;
/** An email whose marks were refused waits for its lock, a look, the quarantine of its intent and its next attempt. */
const SETTLED_MS = 90_000;

let service: Service;
let smtp: SmtpServer;

beforeAll(async () => {
  smtp = await startSmtpServer();
  service = await startService({ workers: 2, worker: { concurrency: 20 }, plainRedis: true });
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});

const refusedWrites = (stats: unknown): number =>
  Number(/errorstat_READONLY:count=(\d+)/.exec(String(stats))?.[1] ?? 0);

/** Turns Redis into a replica of nobody, waits until that was felt, and turns it back. */
const toggle = async (): Promise<void> => {
  const redis = await service.redis.connect();
  const before = refusedWrites(await redis.call('INFO', 'errorstats'));
  await redis.call('REPLICAOF', '127.0.0.1', '1');
  await eventually(async () =>
    expect(refusedWrites(await redis.call('INFO', 'errorstats'))).toBeGreaterThanOrEqual(before + REFUSED),
  );
  await redis.call('REPLICAOF', 'NO', 'ONE');
  redis.disconnect();
};

/** What the API answers while Redis comes and goes; clients repeat with their key until it is 202. */
const answers = { accepted: 0, unavailable: 0 };
const insist = async (emails: string, n: number): Promise<void> => {
  for (;;) {
    const email = { to: [`r${n}@example.org`], subject: 'x', text: 'x' };
    const { status } = await service.call('POST', emails, email, { headers: { 'idempotency-key': `key-${n}` } });
    if (status === 202) return void answers.accepted++;
    expect(status).toBe(503);
    answers.unavailable++;
  }
};

const acceptAll = async (emails: string): Promise<void> => {
  let next = 0;
  const client = async (): Promise<void> => {
    for (let n = next++; n < SIZE.emails; n = next++) await insist(emails, n);
  };
  await Promise.all(Array.from({ length: 8 }, client));
};

test(
  'read-only: 0 lost, 0 twins that were not recorded before, everything ends sent',
  async () => {
    const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, {
      concurrency: 20,
      backoff: { delay: '200ms' },
    });
    let toggled = 0;
    let toggling: Promise<void> | undefined;
    let fault: unknown;
    // The server has the message; its 250 leaves when Redis is about to refuse the mark.
    smtp.setScript({
      dot: () => {
        const due = smtp.messages.length >= (SIZE.emails * 0.8 * (toggled + 1)) / SIZE.toggles;
        if (due && toggled < SIZE.toggles && toggling === undefined) {
          toggled++;
          toggling = toggle()
            .catch((error: unknown) => void (fault ??= error))
            .finally(() => (toggling = undefined));
        }
        return { delay: 10 };
      },
    });
    await acceptAll(emails);
    const status = await eventually(
      async () => {
        const found = await service.ok<{ counts: Record<string, number> }>('GET', `/v1/queues/${queue}`);
        expect([found.counts['sent'], toggling]).toEqual([SIZE.emails, undefined]);
        return found;
      },
      { timeout: SETTLED_MS, every: 100 },
    );
    const received = smtp.messages.map(({ to }) => to[0] ?? '');
    const twice = [...new Set(received.filter((recipient, index) => received.indexOf(recipient) !== index))];
    const recorded = await Promise.all(twice.map((recipient) => wasUncertain(service, queue, recipient)));
    const redis = await service.redis.connect();
    const row = {
      toggles: toggled,
      emails: SIZE.emails,
      503: answers.unavailable,
      'writes refused': refusedWrites(await redis.call('INFO', 'errorstats')),
      sent: status.counts['sent'] ?? 0,
      lost: SIZE.emails - new Set(received).size,
      twice: twice.length,
      'twice unrecorded': recorded.filter((known) => !known).length,
    };
    redis.disconnect();
    showTable('read-only', [row]);
    expect(fault).toBeUndefined();
    expect(row).toMatchObject({ toggles: SIZE.toggles, sent: SIZE.emails, lost: 0, 'twice unrecorded': 0 });
  },
  FULL ? 3_600_000 : 120_000,
);
