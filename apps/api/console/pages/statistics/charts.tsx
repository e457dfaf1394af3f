// The charts of the statistics: what was sent, failed and was deferred, and how long it took, by hour or day.
import { Bars, type Bar } from '../../kit/charts';
import { count } from '../../kit/parts';
import { span } from '../../kit/time';
import type { Visit } from '../../page/page';
import type { Statistics } from './asked';

const SPAN_MS = { hour: 3_600_000, day: 86_400_000 } as const;
/** Bars of a chart at most: the newest. */
const MOST_BARS = 400;

interface Sum {
  at: number;
  sent: number;
  failed: number;
  deferred: number;
  latencyCount: number;
  latencyMs: number;
}

/** Every hour or day of the time, also those in which nothing happened, with all groups together. */
const sumsOf = ({ by, since, until, rows }: Statistics): Sum[] => {
  const ms = SPAN_MS[by];
  const first = Math.floor(Date.parse(since) / ms);
  const spans = Math.min(MOST_BARS, Math.max(1, Math.ceil(Date.parse(until) / ms) - first));
  const from = Math.ceil(Date.parse(until) / ms) - spans;
  const sums = Array.from({ length: spans }, (_, index): Sum => {
    const at = (from + index) * ms;
    return { at, sent: 0, failed: 0, deferred: 0, latencyCount: 0, latencyMs: 0 };
  });
  for (const { at, sent, failed, deferred, latency } of rows) {
    const sum = sums[Math.floor(Date.parse(at) / ms) - from];
    if (sum === undefined) continue;
    sum.sent += sent;
    sum.failed += failed;
    sum.deferred += deferred;
    sum.latencyCount += latency.count;
    sum.latencyMs += latency.count * latency.meanMs;
  }
  return sums;
};

/** `1 Dec` or `1 Dec, 14:00`, in UTC as the spans are. */
export const spanName = ({ language }: Pick<Visit, 'language'>, by: 'hour' | 'day', at: number): string =>
  new Intl.DateTimeFormat(language === 'de' ? 'de-DE' : 'en-GB', {
    day: 'numeric',
    month: 'short',
    ...(by === 'hour' ? { hour: '2-digit', minute: '2-digit' } : { year: 'numeric' }),
    timeZone: 'UTC',
  }).format(at);

const meanOf = ({ latencyCount, latencyMs }: Sum): number => (latencyCount === 0 ? 0 : latencyMs / latencyCount);

/** `420 ms`, `3 sec`. */
export const latencyText = (visit: Pick<Visit, 'language'>, ms: number): string =>
  ms < 1_000 ? `${Math.round(ms)} ms` : span(visit, ms);

const total = (sums: Sum[], name: 'sent' | 'failed' | 'deferred'): number =>
  sums.reduce((all, sum) => all + sum[name], 0);

export const Charts = ({ visit, statistics }: { visit: Visit; statistics: Statistics }) => {
  const { say } = visit;
  const sums = sumsOf(statistics);
  const { by } = statistics;
  const numbers = (sum: Pick<Sum, 'sent' | 'failed' | 'deferred'>) => ({
    sent: count(visit, sum.sent),
    failed: count(visit, sum.failed),
    deferred: count(visit, sum.deferred),
  });
  const all = { sent: total(sums, 'sent'), failed: total(sums, 'failed'), deferred: total(sums, 'deferred') };
  const bars = sums.map((sum): Bar => ({
    title: say('statistics.bar', { time: spanName(visit, by, sum.at), ...numbers(sum) }),
    parts: [
      ['part-sent', sum.sent],
      ['part-failed', sum.failed],
      ['part-deferred', sum.deferred],
    ],
  }));
  const latencies = sums.map((sum): Bar => ({
    title: say('statistics.latencyBar', {
      time: spanName(visit, by, sum.at),
      latency: latencyText(visit, meanOf(sum)),
    }),
    parts: [['part-sent', meanOf(sum)]],
  }));
  const most = Math.max(...sums.map(({ sent, failed, deferred }) => sent + failed + deferred));
  const longest = latencyText(visit, Math.max(...sums.map(meanOf)));
  const nameOf = (sum: Sum | undefined): string => (sum === undefined ? '' : spanName(visit, by, sum.at));
  const ends = [nameOf(sums[0]), nameOf(sums.at(-1))] as const;
  return (
    <div class="grid">
      <section class="card">
        <h2>
          {say('statistics.chart')}
          {(['sent', 'failed', 'deferred'] as const).map((name) => (
            <small>
              <span class={`key key-${name}`} aria-hidden="true" />
              {say(`statistics.${name}`)}
            </small>
          ))}
        </h2>
        <Bars bars={bars} label={say('statistics.chartLabel', numbers(all))} most={count(visit, most)} ends={ends} />
      </section>
      <section class="card">
        <h2>{say('statistics.latencyChart')}</h2>
        <Bars bars={latencies} label={say('statistics.latencyLabel', { most: longest })} most={longest} ends={ends} />
      </section>
    </div>
  );
};
