// A list over many queues against a plain model of it: every page, every filter, whatever the spread over time and queues.
import type { Redis } from 'ioredis';
import fc from 'fast-check';
import { createQueues, type Queues } from '../../libs/jobs/layout/queues';
import { idBound, isEmailId } from '../../libs/jobs/layout/email-id';
import { announceWhereabouts } from '../../libs/jobs/layout/whereabouts';
import { declareWhole, enterWhereabouts, tidyWhereabouts } from '../../libs/jobs/repair/repair-whereabouts';
import type { EmailFilter } from '../../libs/jobs/read/email-filter';
import { listOver } from '../../libs/jobs/read/list-over';
import type { Scope } from '../../libs/jobs/read/queues-holding';
import { addEmails } from '../../libs/jobs/transitions/add';
import { queueName, type QueueAddress } from '../../libs/mail/address/queue-address';
import type { StoredEmail } from '../../libs/mail/email/stored-email';
import { resolveSettings } from '../../libs/mail/settings/settings';
import { KEYS, tenantKeys } from '../../libs/store/redis/keys';
import { useBareRedis } from '../support/redis/bare-redis';

const bare = useBareRedis();
/** A connection of each test's own, as of a process of its own: processes remember what they entered. */
let redis: Redis;
beforeEach(async () => {
  await bare.redis.flushall();
  redis = bare.redis.duplicate();
});
afterEach(() => redis.disconnect());

const DAY = 86_400_000;
const NOW = Date.parse('2026-11-28T12:00:00Z');
const TENANTS = ['acme', 'beta', 'gamma'];
const QUEUES = TENANTS.flatMap((tenant) => Array.from({ length: 8 }, (_, n) => ({ tenant, application: `app-${n}` })));

interface Email {
  id: string;
  time: number;
  address: QueueAddress;
  email: StoredEmail;
}

const emailTo = (to: string, tag: string): StoredEmail => ({
  v: 1,
  rev: 1,
  domain: 'mail.test',
  to: [{ address: to }],
  expiresAt: '2038-01-01T00:00:00.000Z',
  tags: [tag],
});

const anEmail = fc.record({
  // Most within minutes, some far apart: many in one slice of time, and many slices.
  ago: fc.oneof(fc.integer({ min: 0, max: 600_000 }), fc.integer({ min: 0, max: 40 * DAY })),
  queue: fc.nat(QUEUES.length - 1),
  to: fc.constantFrom('ann@a.example', 'anna@a.example', 'bob@a.example', 'ann@b.example', 'x@c.example'),
  tag: fc.constantFrom('red', 'green', 'rare'),
});

const add = async (queues: Queues, all: Email[], announced: boolean): Promise<void> => {
  for (const address of QUEUES) {
    const queue = queues.open(address);
    const own = all.filter((one) => queueName(one.address) === queue.name);
    await redis.hset(KEYS.tenants, address.tenant, '{}');
    await redis.hset(tenantKeys(address.tenant).queues, address.application, '{}');
    if (announced) for (const one of own) await announceWhereabouts(redis, queue, [one]);
    const added = own.map(({ id, email, time }) => ({ id, email, acceptedAt: time, due: time, priority: 0 }));
    await addEmails(redis, queue, added);
  }
};

const inScope = ({ tenant, application }: Scope, { address }: Email): boolean =>
  (tenant === undefined || address.tenant === tenant) &&
  (application === undefined || address.application === application);

const isAsked = (
  { tag, since = 0, until = Infinity, recipient = '*' }: EmailFilter,
  { email, time }: Email,
): boolean => {
  const [to = ''] = email.to.map(({ address }) => address);
  const [local = '', domain = ''] = recipient.split('@');
  const isTo = recipient.startsWith('*@')
    ? to.endsWith(`@${domain}`)
    : recipient.endsWith('*')
      ? to.startsWith(local.replace('*', ''))
      : to === recipient;
  return (tag === undefined || email.tags?.includes(tag) === true) && time >= since && time < until && isTo;
};

/** Ids in the order of the list: by time, or by domain, local part and time. */
const wantedIds = (all: Email[], scope: Scope, filter: EmailFilter): string[] => {
  const key = ({ email }: Email): string =>
    filter.recipient === undefined ? '' : (email.to[0]?.address.split('@').reverse().join(' ') ?? '');
  return all
    .filter((one) => inScope(scope, one) && isAsked(filter, one))
    .sort((a, b) => (key(a) === key(b) ? (a.id < b.id ? 1 : -1) : key(a) < key(b) ? -1 : 1))
    .map(({ id }) => id);
};

const aScope = fc.constantFrom<Scope>({}, ...TENANTS.map((tenant) => ({ tenant })), {
  tenant: 'acme',
  application: 'app-1',
});
const aTime = fc.integer({ min: 0, max: 40 * DAY }).map((ago) => NOW - ago);
const aFilter = fc.record<EmailFilter>(
  {
    tag: fc.constantFrom('red', 'rare', 'none'),
    since: aTime,
    until: aTime,
    recipient: fc.constantFrom('ann@a.example', 'ann*', 'an*', '*@a.example', '*', 'nobody@a.example'),
  },
  { requiredKeys: [] },
);

test.each([
  ['entered before they were added', true],
  ['added by an earlier version', false],
  ['of an earlier version, entered later', 'later'],
] as const)('emails %s', async (_, how) => {
  const queues = createQueues({ redis: redis, waits: true });
  const deps = { redis: redis, queues, tenants: { settings: () => Promise.resolve(resolveSettings()) } };
  const pagesOf = async (scope: Scope, filter: EmailFilter, limit: number): Promise<string[]> => {
    const found: string[] = [];
    for (let cursor: string | undefined, more = true; more;) {
      const page = await listOver(deps, scope, filter, { limit, cursor, now: NOW });
      expect(page.emails.length).toBeLessThanOrEqual(limit);
      found.push(...page.emails.map(({ record }) => record.id));
      cursor = page.cursor;
      more = cursor !== undefined;
    }
    return found;
  };
  const all = fc.sample(anEmail, { numRuns: 400, seed: 7 }).map(({ ago, queue, to, tag }, n): Email => {
    const time = NOW - ago;
    // Two of one millisecond differ in the digits behind the time.
    const id = `${idBound(time).slice(0, -3)}${n.toString(32).padStart(3, '0')}`;
    return { id, time, address: QUEUES[queue] ?? { tenant: '', application: '' }, email: emailTo(to, tag) };
  });
  expect(all.every(({ id }) => isEmailId(id))).toBe(true);
  await add(queues, all, how === true);
  if (how === 'later') for (const address of QUEUES) await enterWhereabouts(redis, queues.open(address), NOW);
  if (how !== false) await declareWhole(bare.redis);
  await tidyWhereabouts(redis, NOW, AbortSignal.timeout(60_000));
  await fc.assert(
    fc.asyncProperty(aScope, aFilter, fc.constantFrom(1, 7, 50, 200), async (scope, filter, limit) => {
      const wanted = wantedIds(all, scope, filter);
      if (wanted.length / limit > 60) return;
      expect(await pagesOf(scope, filter, limit)).toEqual(wanted);
    }),
    { numRuns: 60, seed: 11 },
  );
});

test('what leads to nothing is tidied away, and nothing else', async () => {
  const queues = createQueues({ redis: redis, waits: true });
  const address = { tenant: 'acme', application: 'app-0' };
  const queue = queues.open(address);
  const entries = [40, 20, 1].map((days) => ({ id: idBound(NOW - days * DAY), email: emailTo('a@b.example', 'x') }));
  for (const entry of entries) await announceWhereabouts(redis, queue, [entry]);
  const [, kept] = entries;
  if (kept !== undefined) await addEmails(redis, queue, [{ ...kept, acceptedAt: NOW, due: NOW, priority: 0 }]);
  expect(await tidyWhereabouts(redis, NOW, AbortSignal.timeout(60_000))).toBe(1);
  for (const key of [KEYS.slices, KEYS.slicesOf('acme')]) expect(await redis.zcard(key)).toBe(2);
});
