// The clock that all processes share: Redis' own, carried on between two readings by a clock that nobody can set.
import { systemClock, uptime, type Clock } from '../../runtime/clock';
import type { Log } from '../../runtime/log';
import type { Metrics } from '../../runtime/telemetry/metrics';
import { KEYS } from './keys';
import type { Redis } from './redis';
import { defineScript } from './script';

export interface RedisClock extends Clock {
  /**
   * Asks Redis now.
   * @returns ms since 1970
   * @throws whatever the connection throws
   */
  ask(): Promise<number>;
  /** By how much this machine's clock is ahead of Redis', ms; negative where it is behind, undefined before Redis has answered. */
  skew(): number | undefined;
  stop(): void;
}

// KEYS: one, whose server's clock is meant: that of the due queues, which is the same for all processes also where a cluster has
// several. Result: seconds and microseconds.
const readTime = defineScript(`return redis.call('TIME')`);

/** Redis' clock is set, too, and a failover may lead to another one: it is asked so often. */
const ASK_MS = 5_000;
/** By more than this a machine's clock is told to be wrong. */
const SKEW_MS = 2_000;

/**
 * Follows Redis' clock. Until Redis has answered once it is the machine's own; nothing can be accepted or sent before that.
 * @param deps.redis is asked at once when it becomes ready, before any other command
 */
export const createRedisClock = (deps: { redis: Redis; log: Log }): RedisClock => {
  const { redis, log } = deps;
  /** Redis' time when this process began to run. */
  let origin: number | undefined;
  let told: 'right' | 'ahead' | 'behind' = 'right';

  const now = (): number => (origin === undefined ? systemClock.now() : Math.floor(origin + uptime()));

  const skewNow = (): number => systemClock.now() - now();

  /** @param jump by how much Redis' time differs from what this process had counted, ms */
  const tellStep = (jump: number): void => {
    if (Math.abs(jump) <= SKEW_MS) return;
    const seconds = Math.round(Math.abs(jump) / 1_000);
    log.warn(
      { jumpMs: Math.round(jump) },
      `Redis' clock went ${jump > 0 ? 'ahead' : 'back'} by ${seconds} s: it was set, another server took over, or this machine ` +
        'slept. What is due and what is over goes by it as it is now',
    );
  };

  const tellSkew = (): void => {
    const skew = skewNow();
    const state = Math.abs(skew) <= SKEW_MS ? 'right' : skew > 0 ? 'ahead' : 'behind';
    if (state === told) return;
    told = state;
    if (state === 'right') return log.info({ skewMs: skew }, "this machine's clock agrees with Redis' clock again");
    const seconds = Math.round(Math.abs(skew) / 1_000);
    log.warn(
      { skewMs: skew },
      `this machine's clock is ${seconds} s ${state === 'ahead' ? 'ahead of' : 'behind'} Redis' clock. Emails keep their ` +
        'times, since Redis decides; the times of these log lines are off: set one of the two clocks (NTP)',
    );
  };

  const ask = async (): Promise<number> => {
    const asked = uptime();
    const [seconds, micros] = (await readTime(redis, [KEYS.due], [])) as [string, string];
    const heard = uptime();
    const measured = Number(seconds) * 1_000 + Number(micros) / 1_000 - (asked + heard) / 2;
    // An answer that took its time says less than what is known: it counts only where it proves that the clock was set.
    if (origin === undefined || Math.abs(measured - origin) > heard - asked) {
      if (origin !== undefined) tellStep(measured - origin);
      origin = measured;
    }
    tellSkew();
    return now();
  };

  const askQuietly = (): void => {
    if (redis.status === 'ready') ask().catch(() => undefined);
  };
  redis.on('ready', askQuietly);
  const timer = setInterval(askQuietly, ASK_MS);
  timer.unref();
  askQuietly();

  return {
    now,
    ask,
    skew: () => (origin === undefined ? undefined : skewNow()),
    stop() {
      clearInterval(timer);
      redis.off('ready', askQuietly);
    },
  };
};

/** Tells by how much the machine's clock is off. @param clock of this process */
export const tellClockSkew = (metrics: Metrics, clock: RedisClock): void => {
  const gauge = metrics.gauge(
    'rohrpost_clock_skew_seconds',
    "By how much this machine's clock is ahead of Redis' clock; negative where it is behind.",
  );
  metrics.beforeAnswer(() => {
    const skew = clock.skew();
    if (skew === undefined) gauge.remove();
    else gauge.set(skew / 1_000);
  });
};
