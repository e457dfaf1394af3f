// The addresses of all queues of the installation, some at a time: for who looks at each of them now and then.
import type { QueueAddress } from '../../mail/address/queue-address';
import { KEYS, tenantKeys } from './keys';
import type { Redis } from './redis';

/** Tenants that are asked for in one round trip. */
const TENANTS_AT_ONCE = 200;

/**
 * Names only: settings are not read.
 * @param most queues of one portion
 */
export async function* allQueues(redis: Redis, most: number): AsyncGenerator<QueueAddress[]> {
  const tenants = await redis.hkeys(KEYS.tenants);
  for (let from = 0; from < tenants.length; from += TENANTS_AT_ONCE) {
    const some = tenants.slice(from, from + TENANTS_AT_ONCE);
    const names = await Promise.all(some.map((tenant) => redis.hkeys(tenantKeys(tenant).queues)));
    const found = some.flatMap((tenant, index) => (names[index] ?? []).map((application) => ({ tenant, application })));
    for (let at = 0; at < found.length; at += most) yield found.slice(at, at + most);
  }
}
