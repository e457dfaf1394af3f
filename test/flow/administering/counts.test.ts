// Counts say what lists hold: after any changes in any order, in every state, over one queue, a tenant and all.
import fc from 'fast-check';
import { STATES } from '../../../libs/mail/email/state';
import { untilState } from '../../support/emails';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;
const QUEUES = ['acme/app', 'acme/shop', 'other/app'];

beforeAll(async () => {
  smtp = await startSmtpServer();
  smtp.setScript({
    rcpt: ({ recipient = '' }) =>
      recipient.startsWith('refused') ? '550 5.1.1 no' : recipient.startsWith('later') ? '451 4.3.0 no' : undefined,
    dot: () => (closing ? { action: 'close' } : undefined),
  });
  service = await startService();
  for (const queue of QUEUES)
    await setUpQueue(service, queue, smtp.port, { backoff: { delay: '6h' }, onUncertain: 'hold' });
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});
let closing = false;

const post = async (queue: string, changes: Record<string, unknown>): Promise<string> =>
  (await service.ok<EmailBody>('POST', `/v1/queues/${queue}/emails`, anEmail(changes))).id;

/** How many emails a list has in a state, page by page. */
const listed = async (path: string, states: string): Promise<number> => {
  let count = 0;
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: { emails: EmailBody[]; nextCursor: string | null } = await service.ok(
      'GET',
      `${path}?state=${states}&limit=7${cursor && `&cursor=${cursor}`}`,
    );
    count += page.emails.length;
    cursor = page.nextCursor;
  }
  return count;
};

const countsOf = async (queue: string): Promise<Record<string, number>> =>
  (await service.ok<{ counts: Record<string, number> }>('GET', `/v1/queues/${queue}`)).counts;

const expectAgreement = async (): Promise<void> => {
  const counts = await Promise.all(QUEUES.map(countsOf));
  const sum = (prefix: string, state: string): number =>
    QUEUES.reduce((all, queue, index) => all + (queue.startsWith(prefix) ? (counts[index]?.[state] ?? 0) : 0), 0);
  const places: [path: string, prefix: string][] = [
    ...QUEUES.map((queue): [string, string] => [`/v1/queues/${queue}/emails`, queue]),
    ['/v1/tenants/acme/emails', 'acme/'],
    ['/v1/emails', ''],
  ];
  for (const [path, prefix] of places) {
    const lists = await Promise.all(STATES.map(async (state) => [state, await listed(path, state)] as const));
    const wanted = STATES.map((state) => [state, sum(prefix, state)] as const);
    expect([path, Object.fromEntries(lists)]).toEqual([path, Object.fromEntries(wanted)]);
    expect(await listed(path, STATES.join(','))).toBe(wanted.reduce((all, [, count]) => all + count, 0));
    expect(await listed(path, 'failed,deferred,held')).toBe(
      sum(prefix, 'failed') + sum(prefix, 'deferred') + sum(prefix, 'held'),
    );
  }
};

const ACTIONS = ['hold', 'release', 'cancel', 'send-now', 'resolve', 'later', 'now', 'delete'] as const;

const act = async (queue: string, id: string, action: (typeof ACTIONS)[number]): Promise<void> => {
  const email = `/v1/queues/${queue}/emails/${id}`;
  // What the state does not allow is refused; that is looked at elsewhere.
  if (action === 'delete') await service.call('DELETE', email);
  else if (action === 'later') await service.call('PATCH', email, { sendAt: '2030-01-01T00:00:00Z', expiresAt: null });
  else if (action === 'now') await service.call('PATCH', email, { sendAt: null });
  else await service.call('POST', `${email}/${action}`, action === 'resolve' ? { as: 'failed' } : undefined);
};

test('counts and lists agree after any changes', async () => {
  const all: { queue: string; id: string }[] = [];
  const untilAll = async (fates: [to: string[], state: string][]): Promise<void> => {
    for (const queue of QUEUES)
      for (const [to, state] of fates) {
        const id = await post(queue, { to });
        await untilState(service, queue, id, state);
        all.push({ queue, id });
      }
  };
  await untilAll([
    [['ann@example.org'], 'sent'],
    [['refused@example.org'], 'failed'],
    [['ann@example.org', 'refused@example.org'], 'failed'],
    [['later@example.org'], 'deferred'],
    [['later@example.org'], 'deferred'],
  ]);
  closing = true;
  await untilAll([[['ann@example.org'], 'uncertain']]);
  // From here on nobody sends and nobody sweeps: what expires does so where it waits.
  await Promise.all(service.workers.map((worker) => worker.lifecycle.stop('nobody sweeps')));
  for (const queue of QUEUES) {
    for (const changes of [{}, {}, { priority: 'high' }, { sendAt: '2030-01-01T00:00:00Z' }])
      all.push({ queue, id: await post(queue, changes) });
    const brief = await post(queue, { expiresAfter: '50ms' });
    await eventually(async () => expect((await service.email(queue, brief)).state).toBe('expired'));
    all.push({ queue, id: brief });
  }
  await expectAgreement();
  const steps = fc.array(fc.tuple(fc.nat(all.length - 1), fc.constantFrom(...ACTIONS)), { minLength: 8, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(steps, async (some) => {
      for (const [index, action] of some) {
        const one = all[index];
        if (one !== undefined) await act(one.queue, one.id, action);
      }
      await expectAgreement();
    }),
    { numRuns: 8, seed: 3, endOnFailure: true },
  );
});
