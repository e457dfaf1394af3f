// Whether anybody can send an email now: a worker that runs, holds the keys that it needs, and has a place free.
import type { EmailRecord } from '../../jobs/layout/email-record';
import type { EmailQueue } from '../../jobs/layout/queues';
import { keyIdOf } from '../../store/redis/secrets';
import type { Worker } from '../../store/registries/workers';
import type { Rooms } from '../../../apps/api/rooms';

/** Something that stands in an email's way. */
export interface Reason {
  code: string;
  text: string;
  /** ISO 8601, where the reason ends by itself. */
  until?: string;
}

/** Secrets of the email's transport that workers lack the key of. */
const missingKeys = async (
  rooms: Rooms,
  { address }: EmailQueue,
  { email }: EmailRecord,
  workers: Worker[],
): Promise<Reason[]> => {
  const { transport: name } = await rooms.tenants.settings(address, email);
  const transport = await rooms.transports.get(address.tenant, name);
  const sealed = [
    transport?.auth?.sealedPass,
    ...Object.values(transport?.auth?.oauth2?.sealed ?? {}),
    transport?.dkim?.sealedKey,
  ].filter((one) => one !== undefined);
  return [...new Set(sealed.map(keyIdOf))].flatMap((key): Reason[] => {
    const without = workers.filter(({ secretKeys }) => !secretKeys.includes(key));
    if (without.length === 0) return [];
    const who =
      without.length === workers.length
        ? 'no running worker holds'
        : `${without.length} of ${workers.length} running workers (${without.map(({ id }) => id).join(', ')}) do not hold`;
    const text = `a secret of the transport ${name} is sealed with the key "${key}", which ${who}: add it to their ROHRPOST_SECRET_KEYS and restart them`;
    return [{ code: 'key-missing', text }];
  });
};

/** Who is due waits for a place where all are taken, or as many as the queue may have. */
const noPlace = async (rooms: Rooms, queue: EmailQueue, workers: Worker[]): Promise<Reason[]> => {
  const [{ concurrency }, active] = await Promise.all([
    rooms.tenants.settings(queue.address),
    rooms.redis.llen(`${queue.keys.bull}active`),
  ]);
  if (active >= concurrency * workers.length) {
    const text = `the queue has ${active} emails in work, as many as it may (concurrency ${concurrency} for each of ${workers.length} workers)`;
    return [{ code: 'no-place', text }];
  }
  const sum = (of: 'places' | 'busy'): number => workers.reduce((total, worker) => total + worker[of], 0);
  if (sum('busy') < sum('places')) return [];
  const text = `all ${sum('places')} places of the ${workers.length} running workers are taken: it is sent when one is free`;
  return [{ code: 'no-place', text }];
};

/** What of the workers stands in the way of an email of the send queue. */
export const explainWorkers = async (rooms: Rooms, queue: EmailQueue, record: EmailRecord): Promise<Reason[]> => {
  const workers = await rooms.workers.list();
  if (workers.length === 0)
    return [{ code: 'no-worker', text: 'no worker runs, or none has been heard of for 15 s: start one' }];
  const waits = record.state === 'queued' && record.place !== 'delayed';
  return [
    ...(await missingKeys(rooms, queue, record, workers)),
    ...(waits ? await noPlace(rooms, queue, workers) : []),
  ];
};
