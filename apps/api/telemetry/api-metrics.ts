// What an API counts: requests and accepted emails; and how the whole installation stands, looked up now and then.
import type { QueueAddress } from '../../../libs/mail/address/queue-address';
import { STATES } from '../../../libs/mail/email/state';
import type { Overview, ReadOverview } from '../../../libs/administration/overview/overview';
import { shareReading } from '../../../libs/administration/overview/shared-reading';
import type { Clock } from '../../../libs/runtime/clock';
import type { Metrics } from '../../../libs/runtime/telemetry/metrics';
import { countAccepted } from '../../../libs/runtime/telemetry/queue-labels';
import { memoryUsed } from '../../../libs/store/limits/memory';
import { answersSoon, redisProblems, type Redis } from '../../../libs/store/redis/redis';

const REQUEST_SECONDS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 10, 60];
/** How old what is told of the installation may be at least before it is looked up again, and how long a scrape waits for it. ms */
const [KEPT_MS, PATIENCE_MS] = [5_000, 2_000];
/** Everybody's numbers are told. */
const EVERYTHING = { id: 'metrics', role: 'operator' } as const;

export interface RequestMetrics {
  /** A request was answered. @param operation of the document, undefined for whatever is none */
  answered: (operation: string | undefined, status: number, ms: number) => void;
  /** An email was accepted, and not before. */
  accepted: (address: QueueAddress) => void;
}

/** @param tenants whether names of tenants are told */
export const createRequestMetrics = (metrics: Metrics, tenants: boolean): RequestMetrics => {
  const requests = metrics.histogram(
    'rohrpost_http_request_duration_seconds',
    'How long requests took, by operation; those of the console and of unknown addresses are "other".',
    REQUEST_SECONDS,
    ['operation', 'status'],
  );
  return {
    answered: (operation = 'other', status, ms) => requests.observe({ operation, status }, ms / 1_000),
    accepted: countAccepted(metrics, tenants),
  };
};

/** Gauges without a value are left out: what is not known is not 0. */
const createGauges = (metrics: Metrics) => ({
  up: metrics.gauge('rohrpost_redis_up', 'Whether Redis answers this process: 1 or 0.'),
  fit: metrics.gauge('rohrpost_redis_fit', 'Whether Redis is fit for keeping emails, as /readyz says: 1 or 0.'),
  memory: metrics.gauge('rohrpost_redis_memory_used_ratio', 'How much of maxmemory is used; left out without one.'),
  workers: metrics.gauge('rohrpost_workers', 'Workers that gave a sign of life within the last 15 seconds.'),
  transports: metrics.gauge('rohrpost_transports', 'Transports that are down (open) or coming back (recovering).', [
    'state',
  ]),
  paused: metrics.gauge('rohrpost_paused', 'Whether the whole installation is paused: 1 or 0.'),
  age: metrics.gauge(
    'rohrpost_oldest_due_age_seconds',
    'For how long the oldest email is due that no worker has taken.',
  ),
  waiting: metrics.gauge('rohrpost_waiting_emails', 'Emails that wait for their time or for another attempt.'),
  due: metrics.gauge('rohrpost_due_emails', 'Emails that wait for a worker.'),
  emails: metrics.gauge('rohrpost_emails', 'Emails by state.', ['state']),
});

type Gauges = ReturnType<typeof createGauges>;

const tellOverview = (gauges: Gauges, { needs, numbers }: Overview, now: number): void => {
  const down = (state: string): number => needs.transports.filter((one) => one.state === state).length;
  gauges.workers.set(needs.workers);
  gauges.paused.set(needs.pause === undefined ? 0 : 1);
  for (const state of ['open', 'recovering']) gauges.transports.set({ state }, down(state));
  gauges.age.set(Math.max(0, now - (needs.oldestDueAt ?? now)) / 1_000);
  if (numbers === undefined) return;
  gauges.waiting.set(numbers.total.waiting);
  gauges.due.set(numbers.total.due);
  for (const state of STATES) gauges.emails.set({ state }, numbers.states[state]);
};

/**
 * Tells how the installation stands: the same from each API, so that one is asked, or the largest value of all counts.
 * @param deps.overview reads it; numbers of all queues are counted once for all who ask, and take a tenth of the time at most
 */
export const tellInstallation = (
  metrics: Metrics,
  deps: { redis: Redis; clock: Clock; overview: ReadOverview },
): void => {
  const { redis, clock } = deps;
  const gauges = createGauges(metrics);
  const shared = <T>(read: () => Promise<T>) => {
    const reading = shareReading(read, clock.now, KEPT_MS);
    return () => reading(PATIENCE_MS).catch(() => undefined);
  };
  // By itself: of a Redis that takes no writes the overview may not be had.
  const readRedis = shared(async () => ({ problems: await redisProblems(redis), memory: await memoryUsed(redis) }));
  const readOverview = shared(() => deps.overview(EVERYTHING));
  metrics.beforeAnswer(async () => {
    const [isUp, fitness, overview] = await Promise.all([answersSoon(redis), readRedis(), readOverview()]);
    const { up, fit, emails, transports, ...plain } = gauges;
    for (const gauge of [emails, transports]) gauge.reset();
    for (const gauge of [fit, ...Object.values(plain)]) gauge.remove();
    up.set(isUp ? 1 : 0);
    // Without an answer it keeps nothing; what is not read yet may be well.
    if (!isUp) return fit.set(0);
    if (fitness !== undefined) fit.set(fitness.value.problems.length === 0 ? 1 : 0);
    if (fitness?.value.memory !== undefined) plain.memory.set(fitness.value.memory);
    if (overview !== undefined) tellOverview(gauges, overview.value, clock.now());
  });
};
