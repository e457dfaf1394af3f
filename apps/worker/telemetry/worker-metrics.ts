// What a worker counts: how attempts ended and emails with them, how long it took, and what it has in work.
import { dueAt } from '../../../libs/mail/email/stored-email';
import type { Phase } from '../../../libs/mail/smtp/phase';
import type { Metrics } from '../../../libs/runtime/telemetry/metrics';
import { createQueueLabels } from '../../../libs/runtime/telemetry/queue-labels';
import type { Settled } from '../../../libs/dispatch/settle';
import type { Lease } from '../../../libs/jobs/transitions/lease';
import type { Encryption, Outcome } from '../../../libs/mail/email/outcome';
import type { ResolvedSettings } from '../../../libs/mail/settings/settings';
import type { Reported } from '../../../libs/store/limits/breaker';
import type { QueueAddress } from '../../../libs/mail/address/queue-address';
import { answersSoon, type Redis } from '../../../libs/store/redis/redis';
import { tellClockSkew, type RedisClock } from '../../../libs/store/redis/redis-clock';

/** From a second to a day: most emails are sent at once, some wait for a server that is down. */
const LATENCY_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400];
const PHASE_SECONDS = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 30, 120, 600];

/** What of a report is counted. */
interface Counted {
  settled(lease: Lease, outcome: Outcome, settled: Settled, settings: ResolvedSettings, tls?: Encryption): void;
  transport: (transport: string, change: Reported['change'], why: string) => void;
}

export interface WorkerMetrics {
  /** The same report, which counts what it tells. */
  counted<R extends Counted>(report: R): R;
  /** The sweep has ended an email whose time was over. */
  expired: (address: QueueAddress) => void;
  /** A step of an SMTP dialogue waited so long for the server, ms. */
  tookStep: (step: Phase, ms: number) => void;
  /** Places are told from now on. @param dispatcher what has them */
  tellPlaces(dispatcher: { busy: number; inWork: number }): void;
}

const createCounters = (metrics: Metrics, tenants: boolean) => {
  const labels = createQueueLabels(tenants);
  return {
    labels,
    attempts: metrics.counter('rohrpost_attempts_total', 'Attempts to send an email, by how they ended.', [
      'outcome',
      ...labels.names,
    ]),
    ended: metrics.counter(
      'rohrpost_emails_ended_total',
      'Emails that were sent, or that workers do not try again, by their state and the code of the failure.',
      ['state', 'code', ...labels.names],
    ),
    latency: metrics.histogram(
      'rohrpost_due_to_sent_seconds',
      'From the time an email was due to the reply that took it; emails that were released or handed over before are left out.',
      LATENCY_SECONDS,
    ),
    phases: metrics.histogram(
      'rohrpost_smtp_phase_seconds',
      'How long each step of an SMTP dialogue waited for the server.',
      PHASE_SECONDS,
      ['phase'],
    ),
    transports: metrics.counter(
      'rohrpost_breaker_changes_total',
      'What became of transports in this worker: opened (down), reopened (still down), recovering, closed (up).',
      ['change'],
    ),
  };
};

/** @param deps.tenants whether names of tenants are told */
export const createWorkerMetrics = (deps: {
  metrics: Metrics;
  redis: Redis;
  clock: RedisClock;
  concurrency: number;
  tenants: boolean;
}): WorkerMetrics => {
  const { metrics, clock } = deps;
  const { labels, attempts, ended, latency, phases, transports } = createCounters(metrics, deps.tenants);
  // Looked up once: an email has half a dozen steps.
  const byPhase = new Map<Phase, ReturnType<typeof phases.labels>>();
  const ofPhase = (phase: Phase) => {
    const known = byPhase.get(phase) ?? phases.labels({ phase });
    byPhase.set(phase, known);
    return known;
  };
  tellClockSkew(metrics, clock);
  const isUp = metrics.gauge('rohrpost_redis_up', 'Whether Redis answers this process: 1 or 0.');
  metrics.beforeAnswer(async () => isUp.set((await answersSoon(deps.redis)) ? 1 : 0));
  return {
    counted: (report) => ({
      ...report,
      settled(lease, outcome, settled, settings, tls) {
        const queue = labels.of(lease.queue.address);
        attempts.inc({ outcome: outcome.kind, ...queue });
        if (settled.state !== 'deferred' && settled.state !== 'queued')
          ended.inc({ state: settled.state, code: settled.failure?.code ?? '', ...queue });
        if (settled.state === 'sent' && !lease.marked)
          latency.observe(Math.max(0, clock.now() - dueAt(lease.email, lease.acceptedAt)) / 1_000);
        report.settled(lease, outcome, settled, settings, tls);
      },
      transport(transport, change, why) {
        transports.inc({ change });
        report.transport(transport, change, why);
      },
    }),
    expired: (address) => ended.inc({ state: 'expired', code: 'expired', ...labels.of(address) }),
    tookStep: (step, ms) => ofPhase(step).observe(ms / 1_000),
    tellPlaces(dispatcher) {
      const places = metrics.gauge(
        'rohrpost_places',
        'Places of this worker: free, busy with an email; and emails that wait for a server or a source, which need none.',
        ['state'],
      );
      metrics.beforeAnswer(() => {
        places.set({ state: 'free' }, Math.max(0, deps.concurrency - dispatcher.busy));
        places.set({ state: 'busy' }, dispatcher.busy);
        places.set({ state: 'waiting' }, Math.max(0, dispatcher.inWork - dispatcher.busy));
      });
    },
  };
};
