// How much of Redis stays for a day of an email of which nothing is kept, and of an idempotency key?
import { hashBody, hashKey, claimKey, confirmKey } from '../libs/store/registries/idempotency-keys';
import { queueKeys, type QueueKeys } from '../libs/store/redis/keys';
import { newEmailId } from '../libs/jobs/layout/email-id';
import { TOMBSTONE_KEPT_S, setTombstone } from '../libs/jobs/layout/tombstones';
import type { Lab } from './support/lab';
import { bench, type Row } from './support/run';

const usedBytes = async ({ client }: Lab): Promise<number> =>
  Number(/^used_memory_dataset:(\d+)/m.exec(await client.info('memory'))?.[1]);

const inAllOf = async (count: number, work: (n: number) => Promise<unknown>): Promise<void> => {
  for (let from = 0; from < count; from += 1_000)
    await Promise.all(Array.from({ length: Math.min(1_000, count - from) }, (_, index) => work(from + index)));
};

/** Ids of emails that were accepted at a rate; of one moment for Infinity. */
const idsAt = (perSecond: number, count: number): string[] => {
  const real = Date.now;
  const begin = real();
  try {
    return Array.from({ length: count }, (_, n) => {
      Date.now = () => begin + Math.floor((n * 1_000) / perSecond);
      return newEmailId(Date.now());
    });
  } finally {
    Date.now = real;
  }
};

type Work = (n: number) => Promise<unknown>;

/** What keeps the n-th idempotency key: ours, and a hash for each. */
const idempotency = (client: Lab['client'], keys: QueueKeys): [ours: Work, baseline: Work] => {
  const acceptedAt = Date.now();
  const id = newEmailId(acceptedAt);
  const receipt = {
    id,
    state: 'queued',
    sendAt: new Date(acceptedAt).toISOString(),
    expiresAt: new Date(acceptedAt + 3 * 86_400_000).toISOString(),
    messageId: `<${id}@mail.acme.example>`,
  };
  const bodyHash = hashBody({ a: 1 });
  const full = hashKey('body');
  return [
    async (n) => {
      const answer = 'q 0 259200000 @mail.acme.example';
      await claimKey(client, keys, hashKey(String(n)), { bodyHash, id, acceptedAt, answer });
      await confirmKey(client, keys, hashKey(String(n)));
    },
    async (n) => {
      const key = keys.idempotencyBefore(hashKey(String(n)));
      await client.hset(key, { bodyHash: full, id, acceptedAt, answer: JSON.stringify(receipt), done: '1' });
      await client.pexpire(key, 86_400_000);
    },
  ];
};

bench(
  'remains: Redis bytes that stay for a day; baseline: a key of its own for each email, a hash for each idempotency key',
  { quick: { count: 20_000 }, usual: { count: 100_000 } },
  async (lab, { count }) => {
    const { client } = lab;
    const measure = async (work: Work): Promise<number> => {
      await client.flushall();
      await work(0);
      const before = await usedBytes(lab);
      await inAllOf(count, work);
      return ((await usedBytes(lab)) - before) / count;
    };
    const row = async (name: string, ours: Work, base: Work) => {
      const [mine, theirs] = [await measure(ours), await measure(base)];
      return {
        name,
        ours: mine.toFixed(0),
        baseline: theirs.toFixed(0),
        ratio: (mine / theirs).toFixed(2),
        reach: '',
      } satisfies Row;
    };
    const keys = queueKeys({ tenant: 'acme', application: 'billing' });
    const rows: Row[] = [];
    for (const [name, perSecond] of [
      ['1 a second', 1],
      ['10 a second', 10],
      ['100 a second', 100],
      ['1,000 a second', 1_000],
      ['a batch at one moment', Infinity],
    ] as const) {
      const ids = idsAt(perSecond, count);
      const idOf = (n: number): string => ids[n] ?? '';
      rows.push(
        await row(
          `an email that is gone, ${name}`,
          (n) => setTombstone(client, keys, idOf(n)),
          (n) => client.set(keys.gone + idOf(n), Date.now(), 'EX', TOMBSTONE_KEPT_S),
        ),
      );
    }
    rows.push(await row('an idempotency key', ...idempotency(client, keys)));
    return rows;
  },
);
