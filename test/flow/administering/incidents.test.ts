// Emails that failed for the same reason are one row, over queues and tenants, for as long as they stand unsent.
import type { Redis } from 'ioredis';
import { openClient } from '../../support/redis/test-redis';
import { createQueues } from '../../../libs/jobs/layout/queues';
import { byCause, type CauseFilter } from '../../../libs/jobs/read/by-cause';
import { createReconcile } from '../../../libs/jobs/repair/reconcile';
import { createSchedule } from '../../../libs/jobs/layout/schedule';
import { createContentRefs } from '../../../libs/store/contents/content-refs';
import { systemClock } from '../../../libs/runtime/clock';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import type { Script } from '../../support/smtp/smtp-script';
import { eventually } from '../../support/wait';

interface Incident {
  id: string;
  cause: { code: string; reply?: string; transport?: string; template?: string; line?: number; text: string };
  count: number;
  firstAt: string;
  lastAt: string;
  tenants: string[];
  queues: string[];
  examples: { tenant: string; application: string; id: string }[];
}

let service: Service;
let smtp: SmtpServer;
let redis: Redis;

const UNKNOWN = /^(nobody|gone)/;
const BUSY = /^busy/;

const SCRIPT: Script = {
  rcpt: ({ recipient = '', message }) => {
    if (UNKNOWN.test(recipient)) return `550 5.1.1 <${recipient}>: user unknown in table ${message}x7`;
    if (BUSY.test(recipient)) return `451 4.7.1 ${recipient} greylisted, try again in 21600 seconds`;
    return undefined;
  },
};

beforeAll(async () => {
  smtp = await startSmtpServer({ script: SCRIPT });
  service = await startService();
  redis = openClient(service.redis.url, { maxRetriesPerRequest: null });
});
afterAll(async () => {
  redis.disconnect();
  await service.close();
  await smtp.close();
});

const incidents = async (path = '', key?: string): Promise<Incident[]> => {
  const options = key === undefined ? {} : { key };
  return (await service.ok<{ incidents: Incident[] }>('GET', `/v1${path}/incidents`, undefined, options)).incidents;
};
const post = async (emails: string, changes: Record<string, unknown> = {}): Promise<string> =>
  (await service.ok<EmailBody>('POST', emails, anEmail(changes))).id;
const to = (name: string): Record<string, unknown> => ({ to: [`${name}@gmial.example`] });
const settled = (path: string, counts: Record<string, number>) =>
  eventually(async () => expect(await service.ok('GET', `/v1/queues/${path}`)).toMatchObject({ counts }));

test('three causes over two tenants are three rows without an address; each key sees its own', async () => {
  const [a, b, c] = [
    await setUpQueue(service, 'acme/billing', smtp.port, { backoff: { delay: '6h' } }),
    await setUpQueue(service, 'acme/letters', smtp.port),
    await setUpQueue(service, 'other/app', smtp.port),
  ];
  await service.ok('PUT', '/v1/tenants/acme/templates/invoice', { subject: 'Hi', text: 'Dear\n<%= it.person.name %>' });
  for (const name of ['nobody1', 'nobody2', 'nobody3', 'busy1', 'busy2', 'ann']) await post(a.emails, to(name));
  for (const name of ['gone', 'ann']) await post(b.emails, to(name));
  const template = { subject: undefined, text: undefined, template: 'invoice', data: { secret: 'Miller' } };
  await post(b.emails, { ...to('ann'), ...template });
  await post(c.emails, to('nobody'));
  await settled('acme/billing', { failed: 3, deferred: 2, sent: 1 });
  await settled('acme/letters', { failed: 2, sent: 1 });
  await settled('other/app', { failed: 1 });

  const all = await incidents();
  expect(all.map(({ cause, count, tenants, queues }) => ({ cause, count, tenants, queues }))).toEqual([
    {
      cause: { code: 'refused', reply: '550 5.1.1', transport: 'default', text: '…: user unknown in table …' },
      count: 5,
      tenants: ['acme', 'other'],
      queues: ['acme/billing', 'acme/letters', 'other/app'],
    },
    {
      cause: {
        code: 'refused',
        reply: '451 4.7.1',
        transport: 'default',
        text: '… greylisted, try again in … seconds',
      },
      count: 2,
      tenants: ['acme'],
      queues: ['acme/billing'],
    },
    {
      cause: { code: 'template-failed', template: 'invoice', line: 2, text: expect.any(String) as string },
      count: 1,
      tenants: ['acme'],
      queues: ['acme/letters'],
    },
  ]);
  expect(JSON.stringify(all)).not.toMatch(/@|gmial|nobody|busy|Miller/);
  for (const { firstAt, lastAt, examples, count } of all) {
    expect(Date.parse(firstAt)).toBeLessThanOrEqual(Date.parse(lastAt));
    expect(examples).toHaveLength(Math.min(count, 5));
  }

  const listed = async (path: string, incident = '') =>
    (await service.ok<{ emails: EmailBody[] }>('GET', `${path}/emails?incident=${incident}`)).emails;
  const [unknown] = all;
  const found = await listed('/v1', unknown?.id);
  expect(found.map(({ id }) => id)).toEqual(unknown?.examples.map(({ id }) => id));
  expect(await listed('/v1/tenants/acme', unknown?.id)).toHaveLength(4);
  expect(await listed('/v1/queues/acme/letters', unknown?.id)).toHaveLength(1);
  expect(await listed('/v1', 'i_000000000000')).toEqual([]);
  expect((await service.call('GET', '/v1/emails?incident=x')).status).toBe(422);
  expect((await incidents('/queues/acme/letters')).map(({ count }) => count)).toEqual([1, 1]);
  expect((await incidents('/tenants/other')).map(({ id, count }) => [id, count])).toEqual([[all[0]?.id, 1]]);
  const issue = async (more: object) => (await service.ok<{ key: string }>('POST', '/v1/keys', more)).key;
  const one = await issue({ role: 'reader', tenant: 'acme', application: 'letters' });
  expect((await incidents('', one)).map(({ queues }) => queues)).toEqual([['acme/letters'], ['acme/letters']]);
  const other = await issue({ role: 'reader', tenant: 'other' });
  expect((await incidents('', other)).map(({ tenants, count }) => [tenants, count])).toEqual([[['other'], 1]]);
});

test('an email leaves its incident however it leaves the error log, and enters another with another cause', async () => {
  const { emails, queue } = await setUpQueue(service, 'way/out', smtp.port, { backoff: { delay: '6h' } });
  const path = `/queues/${queue}`;
  const ids = [];
  for (let n = 0; n < 6; n++) ids.push(await post(emails, to(`nobody${n}`)));
  await settled(queue, { failed: 6 });
  const [released = '', deleted = '', canceled = '', deferred = '', stays = '', corrected = ''] = ids;
  const of = async () => (await incidents(path)).map(({ cause, count }) => [cause.code, cause.reply, count]);
  expect(await of()).toEqual([['refused', '550 5.1.1', 6]]);

  await service.ok('PATCH', `${emails}/${corrected}`, to('ann'));
  expect(await of()).toEqual([['refused', '550 5.1.1', 6]]);
  await service.ok('POST', `${emails}/${corrected}/release`);
  await settled(queue, { failed: 5, sent: 1 });
  await service.ok('DELETE', `${emails}/${deleted}`);
  await service.ok('POST', `${emails}/${canceled}/cancel`);
  expect(await of()).toEqual([['refused', '550 5.1.1', 3]]);
  await service.ok('PATCH', `${emails}/${deferred}`, to('busy'));
  await service.ok('POST', `${emails}/${deferred}/release`);
  await settled(queue, { failed: 2, deferred: 1 });
  expect((await of()).sort()).toEqual([
    ['refused', '451 4.7.1', 1],
    ['refused', '550 5.1.1', 2],
  ]);
  // A person stops it: there is nothing to mend any more.
  await service.ok('POST', `${emails}/${deferred}/hold`);
  expect(await of()).toEqual([['refused', '550 5.1.1', 2]]);
  // It fails again for the same reason.
  await service.ok('POST', `${emails}/${released}/release`);
  await settled(queue, { failed: 2 });
  const [{ id: incident = '', examples } = { examples: [] }] = await incidents(path);
  expect(examples.map(({ id }) => id)).toEqual([stays, released].sort().reverse());
  await service.ok('POST', `/v1${path}/emails/bulk`, { action: 'delete', all: true });
  await eventually(async () => expect(await of()).toEqual([]));
  await post(emails, to('nobody'));
  await settled(queue, { failed: 1 });
  expect((await incidents(path))[0]?.id).toBe(incident);
});

test('what expires where it waits, and what is resolved as failed', async () => {
  const { emails, queue } = await setUpQueue(service, 'late/app', smtp.port);
  await service.ok('POST', `/v1/queues/${queue}/pause`);
  const soon = new Date(Date.now() + 300).toISOString();
  await post(emails, { expiresAt: soon });
  await eventually(async () =>
    expect(await incidents(`/queues/${queue}`)).toMatchObject([
      { cause: { code: 'expired', transport: 'default', text: 'was not sent in time' }, count: 1 },
    ]),
  );
});

test('lists and operations on many take the id of an incident, and ids of emails', async () => {
  const [a, b] = [await setUpQueue(service, 'named/a', smtp.port), await setUpQueue(service, 'named/b', smtp.port)];
  const failed = [await post(a.emails, to('nobody1')), await post(a.emails, to('nobody2'))];
  const [sent, other] = [await post(a.emails, to('ann')), await post(b.emails, to('gone'))];
  await settled('named/a', { failed: 2, sent: 1 });
  await settled('named/b', { failed: 1 });
  const listed = async (path: string): Promise<string[]> =>
    (await service.ok<{ emails: EmailBody[] }>('GET', `/v1${path}`)).emails.map(({ id }) => id).sort();
  const id = (await incidents('/tenants/named'))[0]?.id ?? '';

  expect(await listed(`/tenants/named/emails?incident=${id}`)).toEqual([...failed, other].sort());
  expect(await listed(`/queues/named/a/emails?incident=${id}`)).toEqual([...failed].sort());
  expect(await listed(`/tenants/named/emails?incident=${id}&recipient=nobody2*`)).toEqual([failed[1]]);
  expect(await listed(`/queues/named/b/emails?id=${other},${sent}`)).toEqual([other]);
  expect(await listed(`/emails?id=${sent}&id=${other}`)).toEqual([sent, other].sort());
  expect(await listed(`/emails?id=${sent}&incident=${id}`)).toEqual([]);
  for (const wrong of ['incident=i_1', 'id=x', 'id=m_1,m_2'])
    expect((await service.call('GET', `/v1/emails?${wrong}`)).status).toBe(422);

  smtp.setScript({});
  const order = { filter: { incident: id, id: [failed[0], sent] }, action: 'release' };
  await service.ok('POST', `${a.emails}/bulk`, order);
  await settled('named/a', { failed: 1, sent: 2 });
  await service.ok('POST', '/v1/tenants/named/bulk', { filter: { incident: id }, action: 'release' });
  await settled('named/a', { failed: 0, sent: 3 });
  await settled('named/b', { failed: 0, sent: 1 });
  expect(await incidents('/tenants/named')).toEqual([]);
  smtp.setScript(SCRIPT);
});

describe('emails by cause', () => {
  const open = (application: string) => createQueues({ redis, waits: true }).open({ tenant: 'found', application });
  const list = async (application: string, filter: CauseFilter, count = 3): Promise<string[]> => {
    const source = byCause(redis, open(application).keys.bull, filter);
    const ids: string[] = [];
    let after: string | undefined;
    do {
      const { entries, next } = await source(after, count);
      ids.push(...entries.map(({ id }) => id));
      after = next;
    } while (after !== undefined);
    return ids;
  };

  test('newest first over causes, by code, reply, transport, template and incident; mended where the index was lost', async () => {
    const { emails, queue } = await setUpQueue(service, 'found/app', smtp.port, { backoff: { delay: '6h' } });
    const unknown: string[] = [];
    const busy: string[] = [];
    for (let n = 0; n < 11; n++) {
      unknown.push(await post(emails, to(`nobody${n}`)));
      if (n % 3 === 0) busy.push(await post(emails, to(`busy${n}`)));
    }
    const without = await post(emails, { subject: undefined, text: undefined, template: 'none' }).catch(() => '');
    expect(without).toBe('');
    await settled(queue, { failed: 11, deferred: 4 });
    const newest = (ids: string[]): string[] => [...ids].sort().reverse();
    const expectFound = async (): Promise<void> => {
      expect(await list('app', {})).toEqual(newest([...unknown, ...busy]));
      expect(await list('app', { code: 'refused' }, 200)).toEqual(newest([...unknown, ...busy]));
      expect(await list('app', { reply: '451' })).toEqual(newest(busy));
      expect(await list('app', { reply: '5.1.1', transport: 'default' })).toEqual(newest(unknown));
      expect(await list('app', { reply: '5.1' })).toEqual([]);
      expect(await list('app', { template: 'invoice' })).toEqual([]);
      const [first] = await incidents(`/queues/${queue}`);
      expect(await list('app', { incident: first?.id ?? '' })).toEqual(newest(unknown));
    };
    await expectFound();
    const before = await incidents(`/queues/${queue}`);

    // As an earlier version left them, and as a foreign client would: a member of an email that is not there.
    const { bull } = open('app').keys;
    await redis.del(`${bull}rp:by-cause`, `${bull}rp:causes`);
    await redis.del('rohrpost:{fleet}:causes');
    for (const id of unknown.slice(0, 6)) await redis.hdel(`${bull}${id}`, 'rp:cause');
    const reconcile = createReconcile({
      redis,
      schedule: createSchedule(redis),
      refs: createContentRefs({ redis, clock: systemClock }),
      removeContent: async () => undefined,
      now: Date.now,
      settingsOf: async () => ({ transport: 'default' }),
    });
    expect(await reconcile(open('app'))).toMatchObject({ miscounted: 15 });
    await expectFound();
    expect((await incidents()).some(({ queues }) => queues.includes(queue))).toBe(true);
    expect((await incidents(`/queues/${queue}`)).map(({ id, count }) => [id, count])).toEqual(
      before.map(({ id, count }) => [id, count]),
    );
    await redis.zadd(`${bull}rp:by-cause`, 0, `i_000000000000\u0000${'v'.repeat(26)}`);
    expect(await reconcile(open('app'))).toMatchObject({ miscounted: 1 });
    expect(await reconcile(open('app'))).toMatchObject({ miscounted: 0 });
  });

  test('a server whose words never repeat makes a bounded number of causes', async () => {
    const { emails, queue } = await setUpQueue(service, 'found/many', smtp.port);
    const words = (n: number): string => [...String(n)].map((digit) => 'abcdefghij'.charAt(Number(digit))).join('');
    let said = 0;
    smtp.setScript({ rcpt: () => `550 5.7.1 never ${words(said++)}` });
    const batch = { emails: Array.from({ length: 600 }, () => anEmail()) };
    await service.ok('POST', `${emails}/batch`, batch);
    await settled(queue, { failed: 600 });
    const all = (await service.ok<{ incidents: Incident[] }>('GET', `/v1/queues/${queue}/incidents?limit=1000`))
      .incidents;
    expect(all).toHaveLength(501);
    expect(all[0]).toMatchObject({ cause: { reply: '550 5.7.1', text: 'various' }, count: 100 });
  });
});
