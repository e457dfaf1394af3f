// What must hold of an erasure whoever is at work at the same time: in the audit, and in the hashes of suppressed addresses.
import { createAudit } from '../../libs/events/audit';
import { redactAudit } from '../../libs/events/redact-audit';
import { createOperations } from '../../libs/internal-queues/operations';
import { Problem } from '../../libs/mail/input/problem';
import { createPersonWords } from '../../libs/mail/erasure/person-words';
import { systemClock } from '../../libs/runtime/clock';
import { KEYS, tenantKeys } from '../../libs/store/redis/keys';
import { createSecretBox } from '../../libs/store/redis/secret-box';
import { createErasureMarks } from '../../libs/store/suppressions/erasure-marks';
import { createErasedSuppressions } from '../../libs/store/suppressions/erased';
import { useBareRedis } from '../support/redis/bare-redis';
import { openClient } from '../support/redis/test-redis';
import { deferred, eventually } from '../support/wait';

const bare = useBareRedis();

interface Order {
  says: string;
  dryRun: boolean;
}

test('operations lose a person however old they are, and one that looks at emails now is waited for', async () => {
  const { redis, server } = bare;
  const waiting = openClient(server.url, { maxRetriesPerRequest: null });
  const held = deferred<void>();
  const open = (name: '_operations' | '_erasures') =>
    createOperations<Order, object>({
      redis,
      waiting,
      clock: systemClock,
      kind: { name, nothingYet: {}, tries: 1 },
      run: async ({ says }) => (says === 'wait' ? held.promise : undefined),
    });
  const [operations, erasures] = [open('_operations'), open('_erasures')];
  operations.start();
  erasures.start();
  const bound = { most: 3, isShort: false, refuse: () => new Problem('too-many', 'full') };
  const ended = (id: string) => eventually(async () => expect((await operations.get(id))?.state).toBe('done'));
  try {
    for (const id of ['o_1', 'o_2', 'o_3']) {
      await operations.add(id, { says: 'ann@example.org', dryRun: false }, 'acme', bound);
      await ended(id);
    }
    // The oldest makes room for one of another kind, and is gone.
    await erasures.add('o_4', { says: '', dryRun: false }, 'acme', bound);
    expect(await operations.get('o_1')).toBeUndefined();
    // Of one that is not listed any more something is kept for a while.
    await redis.zrem(KEYS.keptOperations('acme'), 'o_2');
    await operations.add('o_5', { says: 'ann@example.org', dryRun: false }, 'other', bound);
    await ended('o_5');
    const words = createPersonWords('ann@example.org');
    expect(await operations.forget('acme', words, true)).toEqual({ over: 2, underWay: 0 });

    await operations.add('o_6', { says: 'wait', dryRun: true }, 'acme', { ...bound, most: 9 });
    await eventually(async () => expect((await operations.get('o_6'))?.state).toBe('running'));
    expect(await operations.forget('acme', words, false)).toEqual({ over: 2, underWay: 1 });
    held.resolve();
    await ended('o_6');
    expect(await operations.forget('acme', words, false)).toEqual({ over: 0, underWay: 0 });
    expect((await operations.get('o_2'))?.data.says).toBe('(erased)');
    expect((await operations.get('o_5'))?.data.says).toBe('ann@example.org');
  } finally {
    await operations.close();
    await erasures.close();
    waiting.disconnect();
  }
});

test('the audit loses several persons at once, and no entry that is written meanwhile', async () => {
  const { redis } = bare;
  const audit = createAudit({ redis, clock: systemClock });
  const names = ['ann', 'bob', 'eve'];
  for (let n = 0; n < 1_200; n++)
    await audit.record({
      by: 'k',
      what: `w${n}`,
      tenant: n % 2 ? 'acme' : 'other',
      target: `${names[n % 3]}@example.org`,
    });
  const ids = (await redis.xrange(KEYS.audit, '-', '+')).map(([id]) => id);
  const written = (async () => {
    for (let n = 0; n < 200; n++) await audit.record({ by: 'ann@example.org', what: `late${n}`, tenant: 'acme' });
  })();
  const changed = await Promise.all(
    names.map((name) =>
      redactAudit(redis, { tenant: 'acme', words: createPersonWords(`${name}@example.org`), before: Infinity }, name),
    ),
  );
  await written;
  expect(changed).toEqual([200, 200, 200]);
  const rows = await redis.xrange(KEYS.audit, '-', '+');
  expect(rows).toHaveLength(1_400);
  expect(rows.map(([id]) => id).slice(0, 1_200)).toEqual(ids);
  const entries = rows.map(([, [, line = '']]) => JSON.parse(line) as { tenant: string; target?: string; by: string });
  expect(entries.filter(({ tenant, target }) => tenant === 'acme' && target?.includes('@'))).toEqual([]);
  expect(entries.filter(({ tenant, target }) => tenant === 'other' && target?.includes('@'))).toHaveLength(600);
  // Who did it stays.
  expect(entries.filter(({ by }) => by === 'ann@example.org')).toHaveLength(200);
  expect(await redis.ttl(KEYS.audit)).toBe(-1);
});

test('a suppression kept as a hash outlives a change of the secret keys', async () => {
  const { redis } = bare;
  const [k1, k2] = [1, 2].map((n) => ({ id: `k${n}`, key: Buffer.alloc(32, n) }));
  if (k1 === undefined || k2 === undefined) throw new Error('no keys');
  const changes = {
    announce: () => Promise.resolve(),
    cached: () => () => Promise.reject(new Error()),
    onChange: () => undefined,
  };
  const open = (...keys: (typeof k1)[]) => createErasedSuppressions({ redis, changes, secrets: createSecretBox(keys) });
  const { suppressions, suppressedNames, erasedSuppressions } = tenantKeys('acme');
  const record = { source: 'complaint', at: '2030-01-01T00:00:00.000Z', by: 'k', reason: 'ann@example.org asked' };
  await redis.hset(suppressions, 'ann@example.org', JSON.stringify(record));
  await redis.zadd(suppressedNames, 0, 'ann@example.org');
  expect(await open(k1).conceal('acme', 'ANN@Example.org', false)).toBe(true);
  expect(await open(k1).conceal('acme', 'ann@example.org', false)).toBe(false);
  expect(await redis.exists(suppressions, suppressedNames)).toBe(0);
  const hidden = JSON.stringify(await redis.hgetall(erasedSuppressions));
  expect(hidden).not.toContain('ann');

  expect(await open(k2, k1).reseal('acme', true)).toEqual({ resealed: 1, keys: ['k2'] });
  const found = await open(k2).find('acme', ['bob@example.org', 'Ann@example.org']);
  expect(found).toEqual([{ address: 'Ann@example.org', suppression: { ...record, reason: undefined } }]);
  await expect(open(k1).find('acme', ['ann@example.org'])).rejects.toThrow('k2');
  expect(await open(k2).remove('acme', 'ann@example.org')).toMatchObject({ source: 'complaint' });
  expect(await open(k2).count('acme')).toBe(0);
});

test('marks of erasures are kept two years, in Redis as in the content store', async () => {
  const { redis } = bare;
  await redis.del(KEYS.erasures);
  let now = Date.parse('2030-01-01T00:00:00Z');
  let text: string | undefined;
  const content = {
    readErasures: () => Promise.resolve(text),
    writeErasures: (next: string) => Promise.resolve(void (text = next)),
  };
  const marks = createErasureMarks({ redis, content, now: () => now });
  const mark = (id: string) => ({ id, tenant: 'acme', at: new Date(now).toISOString(), hash: 'k1.x' });
  await marks.keep(mark('o_1'));
  now += 2 * 366 * 86_400_000;
  await marks.keep(mark('o_2'));
  expect(await redis.hkeys(KEYS.erasures)).toEqual(['o_2']);
  expect((JSON.parse(text ?? '[]') as { id: string }[]).map(({ id }) => id)).toEqual(['o_2']);
});
