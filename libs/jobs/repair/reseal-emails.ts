// Confidential emails after a change of keys: those that wait or stand unsent are sealed under the newest one.
import { readStored } from '../../mail/email/stored-email';
import { queueKeys, tenantKeys } from '../../store/redis/keys';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import type { SecretBox } from '../../store/redis/secret-box';
import type { SealedOwner } from '../../store/registries/reseal';
import { SEALED, sealedAt } from '../layout/sealed-email';

// KEYS: BullMQ's prefix. ARGV: id, the data that it must have, the same under another key. Result: 1, or 0 where somebody changed it
// meanwhile. Atomic, so that no change is lost; a worker that has the email has it in its plain form.
const replaceData = defineScript(`${SEALED}
local key = KEYS[1] .. ARGV[1]
if redis.call('HGET', key, 'data') ~= ARGV[2] then return 0 end
redis.call('HSET', key, 'data', ARGV[3])
noteSealed(KEYS[1], ARGV[1], ARGV[3])
return 1`);

export const createEmailSeals = ({ redis, secrets }: { redis: Redis; secrets: SecretBox }): SealedOwner => {
  /** @returns the key that it is sealed with then */
  const resealOne = async (address: { tenant: string; application: string }, id: string): Promise<boolean> => {
    const { bull, job } = queueKeys(address);
    const data = await redis.hget(job(id), 'data');
    const { sealed, ...email } = readStored(data);
    if (data === null || sealed === undefined || !secrets.holds(sealed)) return false;
    const next = JSON.stringify({ sealed: secrets.reseal(sealed, sealedAt(address)), ...email });
    return (await replaceData(redis, [bull], [id, data, next])) === 1;
  };

  return {
    async reseal(tenant, rewrite) {
      const applications = await redis.hkeys(tenantKeys(tenant).queues);
      let resealed = 0;
      const keys: string[] = [];
      for (const application of applications) {
        const emails = await redis.hgetall(queueKeys({ tenant, application }).sealed);
        for (const [id, key] of Object.entries(emails)) {
          const isAnew = rewrite && key !== secrets.newestKey && (await resealOne({ tenant, application }, id));
          if (isAnew) resealed++;
          keys.push(isAnew ? secrets.newestKey : key);
        }
      }
      return { resealed, keys };
    },
  };
};
