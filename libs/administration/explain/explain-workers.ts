// Whether anybody can send an email now: a worker that runs, holds the keys that it needs, and has a place free.
import type { EmailRecord } from '../../jobs/layout/email-record';
import type { EmailQueue } from '../../jobs/layout/queues';
import { countInWork } from '../../jobs/read/standing';
import { isLinked } from '../../mail/email/stored-email';
import { keyIdOf } from '../../store/redis/secret-box';
import type { SigningSecretStore } from '../../store/registries/signing-secrets';
import { sealedOf } from '../../store/registries/transport-secrets';
import type { Worker, Workers } from '../../store/registries/workers';
import type { Redis } from '../../store/redis/redis';
import type { Tenants } from '../../store/registries/tenants';
import type { Transports } from '../../store/registries/transports';

export interface ExplainWorkersDeps {
  redis: Redis;
  tenants: Tenants;
  transports: Transports;
  workers: Workers;
  signingSecrets: Pick<SigningSecretStore, 'keyOf'>;
}

/** Something that stands in an email's way. */
export interface Reason {
  code: string;
  text: string;
  /** ISO 8601, where the reason ends by itself. */
  until?: string;
}

/** What is sealed that a worker must open to send the email, in words, and with which key. */
const sealedFor = async (
  deps: ExplainWorkersDeps,
  { address }: EmailQueue,
  { email }: EmailRecord,
): Promise<{ what: string; key: string }[]> => {
  const { transport: name } = await deps.tenants.settings(address, email);
  const transport = await deps.transports.get(address.tenant, name);
  const keys = new Set((transport === undefined ? [] : sealedOf(transport)).map(keyIdOf));
  const isFetched = email.dataUrl !== undefined || (email.attachments ?? []).some(isLinked);
  const signing = isFetched ? await deps.signingSecrets.keyOf(address.tenant) : undefined;
  return [
    ...[...keys].map((key) => ({ what: `a secret of the transport ${name}`, key })),
    ...(signing === undefined
      ? []
      : [{ what: `the secret that requests of the tenant ${address.tenant} are signed with`, key: signing }]),
  ];
};

/** Secrets that it needs and that workers lack the key of. */
const missingKeys = async (
  deps: ExplainWorkersDeps,
  queue: EmailQueue,
  record: EmailRecord,
  workers: Worker[],
): Promise<Reason[]> =>
  (await sealedFor(deps, queue, record)).flatMap(({ what, key }): Reason[] => {
    const without = workers.filter(({ secretKeys }) => !secretKeys.includes(key));
    if (without.length === 0) return [];
    const who =
      without.length === workers.length
        ? 'no running worker holds'
        : `${without.length} of ${workers.length} running workers (${without.map(({ id }) => id).join(', ')}) do not hold`;
    const text = `${what} is sealed with the key "${key}", which ${who}: add it to their ROHRPOST_SECRET_KEYS and restart them`;
    return [{ code: 'key-missing', text }];
  });

/** Who is due waits for a place where all are taken, or as many as the queue may have. */
const noPlace = async (deps: ExplainWorkersDeps, queue: EmailQueue, workers: Worker[]): Promise<Reason[]> => {
  const [{ concurrency }, active] = await Promise.all([
    deps.tenants.settings(queue.address),
    countInWork(deps.redis, queue),
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
export const explainWorkers = async (
  deps: ExplainWorkersDeps,
  queue: EmailQueue,
  record: EmailRecord,
): Promise<Reason[]> => {
  const workers = await deps.workers.list();
  if (workers.length === 0)
    return [{ code: 'no-worker', text: 'no worker runs, or none has been heard of for 15 s: start one' }];
  const waits = record.state === 'queued' && record.place !== 'delayed';
  return [...(await missingKeys(deps, queue, record, workers)), ...(waits ? await noPlace(deps, queue, workers) : [])];
};
