// Whether anybody can send an email now: a worker that runs, holds the keys that it needs, and has a place free.
import type { EmailRecord } from '../../jobs/layout/email-record';
import type { EmailQueue } from '../../jobs/layout/queues';
import { countInWork } from '../../jobs/read/standing';
import { isLinked } from '../../mail/email/stored-email';
import { reserveOf } from '../../runtime/reserve';
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

/** What a tenant has of a worker, and what that leaves it. */
interface Standing {
  worker: Worker;
  held: number;
  waiting: number;
  /** It gets no place there now. */
  placeless: boolean;
}

/** Some places are for tenants that have none (libs/dispatch/shares.ts). */
const standingOf = (worker: Worker, tenant: string): Standing => {
  const { held = 0, waiting = 0, full = false } = worker.tenants?.[tenant] ?? {};
  const kept = held > 0 ? reserveOf(worker.places) : 0;
  return { worker, held, waiting, placeless: full || worker.busy >= worker.places - kept };
};

const sumOf = (standings: Standing[], of: (standing: Standing) => number): number =>
  standings.reduce((sum, standing) => sum + of(standing), 0);

const many = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? '' : 's'}`;

/**
 * Who is due waits for a place where all are taken, or as many as its queue or its tenant may have. Others who have some are
 * counted and never named.
 */
const noPlace = async (deps: ExplainWorkersDeps, queue: EmailQueue, workers: Worker[]): Promise<Reason[]> => {
  const [{ concurrency }, active] = await Promise.all([
    deps.tenants.settings(queue.address),
    countInWork(deps.redis, queue),
  ]);
  if (active >= concurrency * workers.length) {
    const text = `the queue has ${active} emails in work, as many as it may (concurrency ${concurrency} for each of ${workers.length} workers)`;
    return [{ code: 'no-place', text }];
  }
  const standings = workers.map((worker) => standingOf(worker, queue.address.tenant));
  if (!standings.every(({ placeless }) => placeless)) return [];
  const [held, waiting] = [sumOf(standings, (one) => one.held), sumOf(standings, (one) => one.waiting)];
  if (workers.every((worker) => worker.tenants?.[queue.address.tenant]?.full)) {
    const text = `${waiting === 1 ? '1 email of this tenant waits' : `${waiting} emails of this tenant wait`} for slow servers or sources, as many as may in ${many(workers.length, 'running worker')}: it is sent when one of those is done with`;
    return [{ code: 'no-place', text }];
  }
  const [places, busy] = [
    sumOf(standings, ({ worker }) => worker.places),
    sumOf(standings, ({ worker }) => worker.busy),
  ];
  const kept = places > busy ? ` or kept for tenants that have none` : '';
  const others = Math.max(0, busy - held);
  const tenants = Math.max(
    1,
    ...workers.map((worker) => Object.keys(worker.tenants ?? {}).length + (held > 0 ? 0 : 1)),
  );
  const share =
    others === 0
      ? ''
      : `; a tenant that holds fewer than others is next, so it gets about ${Math.max(1, Math.floor(places / tenants))} of them`;
  const text = `all ${places} places of ${many(workers.length, 'running worker')} are taken${kept}: ${held} by this tenant, ${others} by others; it is sent when one is free${share}`;
  return [{ code: 'no-place', text }];
};

/** The server of its transport answers so slowly that no further email is brought to it for now. */
const slowServer = async (
  deps: ExplainWorkersDeps,
  { address }: EmailQueue,
  { email }: EmailRecord,
  workers: Worker[],
): Promise<Reason[]> => {
  const { transport } = await deps.tenants.settings(address, email);
  const slow = workers.map((worker) => worker.tenants?.[address.tenant]?.slow?.[transport]);
  if (slow.some((waiting) => waiting === undefined)) return [];
  const waiting = slow.reduce<number>((sum, some) => sum + (some ?? 0), 0);
  const text = `the server of the transport ${transport} answers slowly: ${waiting === 1 ? '1 email waits' : `${waiting} emails wait`} for its replies, as many as may in ${many(workers.length, 'running worker')}; it is sent when one of those is done with`;
  return [{ code: 'transport-limited', text }];
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
  const missing = await missingKeys(deps, queue, record, workers);
  if (!waits) return missing;
  return [...missing, ...(await noPlace(deps, queue, workers)), ...(await slowServer(deps, queue, record, workers))];
};
