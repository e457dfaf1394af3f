// Labels that name the queue of what is counted, where the installation wants them: for so many queues and no more.
import type { Metrics } from './metrics';

/** Each is a few series; Prometheus keeps them as long as the process runs. */
export const MOST_QUEUES = 500;

export interface QueueLabels {
  /** Names of the labels; none where no names are told. */
  names: readonly ('tenant' | 'application')[];
  /** Their values. Queues beyond the bound are `other` together. */
  of(queue: { tenant: string; application: string }): { tenant?: string; application?: string };
}

const NO_LABELS = {};
const OTHER = { tenant: 'other', application: 'other' };

/** @param told whether names of tenants may be told at all */
export const createQueueLabels = (told: boolean): QueueLabels => {
  if (!told) return { names: [], of: () => NO_LABELS };
  const known = new Set<string>();
  return {
    names: ['tenant', 'application'],
    of({ tenant, application }) {
      const name = `${tenant}/${application}`;
      if (!known.has(name) && known.size >= MOST_QUEUES) return OTHER;
      known.add(name);
      return { tenant, application };
    },
  };
};

/** Counts emails that were accepted. @param told whether names of tenants may be told */
export const countAccepted = (
  metrics: Pick<Metrics, 'counter'>,
  told: boolean,
): ((queue: { tenant: string; application: string }) => void) => {
  const labels = createQueueLabels(told);
  const accepted = metrics.counter('rohrpost_emails_accepted_total', 'Emails that were accepted.', labels.names);
  return (queue) => accepted.inc(labels.of(queue));
};
