// Takes a person out of what webhooks answered: an endpoint may repeat what it was told.
import type { PersonWords } from '../../mail/erasure/person-words';
import { tenantKeys, webhookKeys } from '../redis/keys';
import type { Redis } from '../redis/redis';
import { defineScript } from '../redis/script';
import type { Delivery } from './deliveries';

/** Deliveries that Redis is asked for at once, about. */
const AT_ONCE = 500;

// KEYS: the deliveries. ARGV: id, the record that it must have, the new one. Result: 1, or 0 where it has another one by now. Atomic, so
// that what an attempt finds out at the same moment is not lost.
const replace = defineScript(`
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1`);

/** @returns how many deliveries of the tenant have an answer that names the person: changed unless `dryRun` */
export const forgetInAnswers = async (
  redis: Redis,
  tenant: string,
  words: PersonWords,
  dryRun: boolean,
): Promise<number> => {
  let found = 0;
  for (const name of await redis.hkeys(tenantKeys(tenant).webhooks)) {
    const { deliveries } = webhookKeys(tenant, name);
    for (let cursor = ''; cursor !== '0';) {
      const [next, pairs] = await redis.hscan(deliveries, cursor === '' ? '0' : cursor, 'COUNT', AT_ONCE);
      cursor = next;
      for (let at = 0; at < pairs.length; at += 2) {
        const [id = '', text = ''] = pairs.slice(at, at + 2);
        const delivery = JSON.parse(text) as Delivery;
        if (!words.areIn(delivery.answer)) continue;
        const after = JSON.stringify({ ...delivery, answer: words.takenOutOf(delivery.answer) });
        if (dryRun || (await replace(redis, [deliveries], [id, text, after])) === 1) found++;
      }
    }
  }
  return found;
};
