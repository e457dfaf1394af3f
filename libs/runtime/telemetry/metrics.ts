// What a process counts and measures, as Prometheus reads it. Nobody else opens prom-client.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { VERSION } from '../version';

/**
 * The metrics of one process. Names follow Prometheus' conventions: base units, `_total` for what only grows. Values of labels come
 * from closed lists: each combination is a series that Prometheus keeps for good.
 */
export interface Metrics {
  counter<L extends string = never>(name: string, help: string, labels?: readonly L[]): Counter<L>;
  gauge<L extends string = never>(name: string, help: string, labels?: readonly L[]): Gauge<L>;
  /** @param buckets upper bounds, ascending */
  histogram<L extends string = never>(
    name: string,
    help: string,
    buckets: readonly number[],
    labels?: readonly L[],
  ): Histogram<L>;
  /** Called before each answer, for what is looked up and not counted; must not reject. */
  beforeAnswer(look: () => Promise<void> | void): void;
  /** Adds what Node knows of its process: memory, processor time, garbage collection. Once for each process. */
  watchProcess(): void;
  /** The main thread kept others waiting so long of late, ms. */
  loopDelay: (delay: { p99: number; max: number }) => void;
  /** The media type of `text`. */
  contentType: string;
  /** All of it in Prometheus' text format. */
  text(): Promise<string>;
}

/** @param process which of the service's processes this is */
export const createMetrics = (process: 'api' | 'worker' | 'smtp'): Metrics => {
  const registry = new Registry();
  const registers = [registry];
  const looks: (() => Promise<void> | void)[] = [];
  const loopDelay = new Gauge({
    name: 'rohrpost_event_loop_delay_seconds',
    help: 'How long the main thread kept others waiting, over the last 10 seconds.',
    labelNames: ['stat'],
    registers,
  });
  const metrics: Metrics = {
    counter: (name, help, labels = []) => new Counter({ name, help, labelNames: [...labels], registers }),
    gauge: (name, help, labels = []) => new Gauge({ name, help, labelNames: [...labels], registers }),
    histogram: (name, help, buckets, labels = []) =>
      new Histogram({ name, help, buckets: [...buckets], labelNames: [...labels], registers }),
    beforeAnswer: (look) => void looks.push(look),
    watchProcess: () => collectDefaultMetrics({ register: registry }),
    loopDelay({ p99, max }) {
      loopDelay.set({ stat: 'p99' }, p99 / 1_000);
      loopDelay.set({ stat: 'max' }, max / 1_000);
    },
    contentType: registry.contentType,
    async text() {
      await Promise.all(looks.map(async (look) => look()));
      return registry.metrics();
    },
  };
  const labels = ['version', 'process'] as const;
  metrics
    .gauge('rohrpost_build_info', 'Always 1: which version runs, as which process.', labels)
    .set({ version: VERSION, process }, 1);
  return metrics;
};
