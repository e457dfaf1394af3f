// Removes an email's job, unless a worker has it.
import type { Redis } from '../../store/redis';
import { defineScript } from '../../store/script';
import type { EmailQueue } from '../queues';
import { PLACES, readRefusal, type Refusal } from './places';

// KEYS: BullMQ's prefix. ARGV: id. Result: 1, or 0 missing, -1 sending. Atomic, so that no worker takes it meanwhile.
const removeScript = defineScript(`${PLACES}
local prefix, id = KEYS[1], ARGV[1]
local key = prefix .. id
local from = place(prefix, id)
if from == 'missing' then return 0 end
if from == 'active' then return -1 end
local _, open = marks(key)
if open and UNFINISHED[from] then return -1 end
leave(prefix, id, from)
redis.call('DEL', key, key .. ':logs')
return 1`);

export const removeJob = async (redis: Redis, queue: EmailQueue, id: string): Promise<Refusal | undefined> =>
  readRefusal(await removeScript(redis, [queue.keys.bull], [id]));
