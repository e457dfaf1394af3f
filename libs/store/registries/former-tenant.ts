// Removes what a tenant leaves, so that another one made under its name later finds nothing of it.
import type { Changes } from '../redis/settings-cache';
import { formerKeys, tenantKeys } from '../redis/keys';
import type { Redis } from '../redis/redis';
import { askPrimaries } from '../servers/each-server';

/** Keys that Redis is asked to look at in one call: a millisecond or so, while nobody else is served. */
const AT_ONCE = 1_000;

/** Every key of one pattern. SCAN gives each at least once that is there all the time, which is enough for removing it. */
const removeMatching = async (redis: Redis, pattern: string): Promise<void> => {
  await askPrimaries(redis, async (server) => {
    for (let cursor = ''; cursor !== '0';) {
      const [next, keys] = await server.scan(cursor === '' ? '0' : cursor, 'MATCH', pattern, 'COUNT', AT_ONCE);
      // One by one: they need not lie in one slot of a cluster.
      await Promise.all(keys.map((key) => redis.unlink(key)));
      cursor = next;
    }
  });
};

/**
 * Everything under the tenant's own keys: settings, secrets, tokens, templates, what is known of its servers; and what its
 * queues answered to requests, which would be taken for answers to the next one's. Looks through all of Redis: tenants are
 * seldom deleted. May be repeated. Every process hears of what is gone.
 */
export const removeFormerTenant = async (redis: Redis, changes: Changes, tenant: string): Promise<void> => {
  const keys = tenantKeys(tenant);
  const [transports, templates] = await Promise.all([redis.hkeys(keys.transports), redis.hkeys(keys.templates)]);
  for (const pattern of formerKeys(tenant)) await removeMatching(redis, pattern);
  for (const name of transports) {
    await changes.announce('transport', `${tenant}/${name}`);
    await changes.announce('lowered', `${tenant}/${name}`);
  }
  for (const name of templates) await changes.announce('template', `${tenant}/${name}`);
  await changes.announce('signing-secret', tenant);
  await changes.announce('webhook', tenant);
  await changes.announce('suppression', tenant);
};
