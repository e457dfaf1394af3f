// What the tests' Redis refuses, so that no key of ours is used together with one of another slot of a Redis Cluster.
import { defineScript } from '../../libs/store/redis/script';
import { KEYS, queueKeys } from '../../libs/store/redis/keys';
import { useBareRedis } from '../support/redis/bare-redis';

const bare = useBareRedis();
const billing = queueKeys({ tenant: 'acme', application: 'billing' });
const shop = queueKeys({ tenant: 'acme', application: 'shop' });

test('commands, transactions and scripts with keys of two queues, or of a queue and a registry, are refused', async () => {
  const { redis } = bare;
  await expect(redis.del(billing.byTime, shop.byTime)).rejects.toThrow('CROSSSLOT');
  await expect(redis.multi().zrem(billing.upkeep, 'm').zrem(KEYS.upkeep, 'm').exec()).rejects.toThrow('CROSSSLOT');
  const both = defineScript(`return redis.call('EXISTS', KEYS[1], KEYS[2])`);
  await expect(both(redis, [billing.byTime, KEYS.tenants], [])).rejects.toThrow('CROSSSLOT');
  expect(await both(redis, [billing.byTime, billing.upkeep], [])).toBe(0);
});

test('so is a script that makes up a key of another slot', async () => {
  const second = defineScript(`redis.call('EXISTS', KEYS[1]) return redis.call('EXISTS', ARGV[1])`);
  await expect(second(bare.redis, [billing.bull], [shop.byTime])).rejects.toThrow('slot');
  expect(await second(bare.redis, [billing.bull], [billing.byTime])).toBe(0);
});

test("a queue's keys, BullMQ's among them, are in one slot; so are a content's", async () => {
  const slot = (key: string) => bare.redis.call('CLUSTER', 'KEYSLOT', key);
  const { beside, ...others } = billing;
  const names = Object.values(others).map((key) => (typeof key === 'string' ? key : key('x')));
  expect(new Set(await Promise.all([...names, ...beside].map(slot))).size).toBe(1);
  expect(await slot(KEYS.content('sha256-x'))).toBe(await slot(KEYS.contentRemoval('sha256-x')));
  expect(await slot(KEYS.due)).toBe(await slot(KEYS.upkeep));
});
