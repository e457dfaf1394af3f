// Emails found by a failure's code and by what a server said: at once, however many others failed since, and none is missed.
import { KEYS } from '../../../libs/store/redis/keys';
import { untilState } from '../../support/emails';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

const MANY = 1_100;
const SAID: Record<string, string> = {
  nobody: '550 5.1.1 no such user',
  full: '552 5.2.2 mailbox full',
  busy: '451 4.7.1 slow down',
};

let service: Service;
let smtp: SmtpServer;
let emails: string;
const queue = 'acme/app';

beforeAll(async () => {
  smtp = await startSmtpServer({
    script: { rcpt: ({ recipient = '' }) => SAID[/^[a-z]+/.exec(recipient)?.[0] ?? ''] },
  });
  service = await startService();
  ({ emails } = await setUpQueue(service, queue, smtp.port, { backoff: { delay: '6h' } }));
  // From here on the indexes of the queue are known to be whole.
  const redis = await service.redis.connect();
  await eventually(async () => expect(await redis.exists(KEYS.whereaboutsWhole)).toBe(1));
  redis.disconnect();
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});

const post = async (to: string[], more: object = {}): Promise<string> =>
  (await service.ok<EmailBody>('POST', emails, anEmail({ to, ...more }))).id;
const ended = async (to: string[], state: string, more: object = {}): Promise<string> => {
  const id = await post(to, more);
  await untilState(service, queue, id, state);
  return id;
};

interface Listed {
  emails: EmailBody[];
  nextCursor: string | null;
}
const list = async (path: string, query: string): Promise<[ids: string[], next: string | null]> => {
  const { emails: found, nextCursor } = await service.ok<Listed>('GET', `${path}?limit=50&${query}`);
  return [found.map(({ id }) => id), nextCursor];
};

test('the rare ones among many are one page, in each list', async () => {
  const partly = await ended(['ann@a.example', 'full@a.example'], 'failed', { log: 'none' });
  const full = await ended(['full@a.example'], 'failed');
  const held = await ended(['busy@a.example'], 'deferred');
  await service.ok('POST', `${emails}/${held}/hold`);
  const canceled = await ended(['busy@a.example'], 'deferred');
  await service.ok('POST', `${emails}/${canceled}/cancel`);
  const expired = await ended(['busy@a.example'], 'deferred', { expiresAfter: '5s' });
  const deferred = await ended(['busy@a.example'], 'deferred');
  await untilState(service, queue, expired, 'expired', 20_000);
  for (let from = 0; from < MANY; from += 550)
    await service.ok('POST', `${emails}/batch`, {
      emails: Array.from({ length: 550 }, (_, n) => ({ to: [`nobody${from + n}@b.example`] })),
      defaults: { subject: 'S', text: 'T' },
    });
  await eventually(
    async () => expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ counts: { failed: MANY + 2 } }),
    { timeout: 120_000 },
  );
  for (const path of [emails, '/v1/tenants/acme/emails', '/v1/emails']) {
    for (const [query, wanted] of [
      ['reply=552', [full, partly]],
      ['reply=5.2.2', [full, partly]],
      ['code=partly-sent', [partly]],
      ['code=refused&reply=552', [full]],
      ['reply=451', [deferred, expired, canceled, held]],
      ['reply=451%204.7.1&state=held,canceled', [canceled, held]],
      ['code=held', [held]],
      ['code=canceled', [canceled]],
      ['code=expired', [expired]],
      ['code=data-invalid', []],
      ['reply=553', []],
    ] as const)
      expect([path, query, ...(await list(path, query))]).toEqual([path, query, wanted, null]);
  }
}, 180_000);

const listAll = async (query: string): Promise<string[]> => {
  const found: string[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: Listed = await service.ok('GET', `${emails}?limit=200&${query}${cursor && `&cursor=${cursor}`}`);
    found.push(...page.emails.map(({ id }) => id));
    cursor = page.nextCursor;
  }
  return found;
};

test('all of many come page by page, each once, newest first', async () => {
  const found = await listAll('reply=550');
  expect(found).toHaveLength(MANY);
  expect(found).toEqual([...new Set(found)].sort().reverse());
});

test('what was said to another recipient than the first counts', async () => {
  const before = await listAll('reply=552');
  const both = await ended(['nobody@a.example', 'full@a.example'], 'failed');
  expect(await listAll('reply=552')).toEqual([both, ...before]);
  expect(await listAll('reply=550%205.1.1')).toContain(both);
});

test('whoever is released is found no more', async () => {
  const id = await ended(['full@c.example'], 'failed');
  expect((await list(emails, 'reply=552'))[0]).toContain(id);
  await service.ok('PATCH', `${emails}/${id}`, { to: ['ann@c.example'] });
  await service.ok('POST', `${emails}/${id}/release`);
  await untilState(service, queue, id, 'sent');
  expect((await list(emails, 'reply=552'))[0]).not.toContain(id);
});
