// What would 100,000 queues and 100 workers cost? A model of the fleet, since no one machine holds them: calls, looks, takes.
import { heapTime } from './support/heap-time';

/** Redis commands of an email that is taken and sent, and of a look that finds nothing (docs/scaling.md counts them). */
const OF_EMAIL = 5;
const OF_LOOK = 4;
/** CPU of Redis for a command of these kinds, and the time until a called worker has asked. ms */
const COMMAND_MS = 0.04;
const REACTION_MS = 1;
const SEND_MS = 50;
const LAYOUT = 50;
const COME_AT_ONCE = 3;
const COME_LATER = [50, 1_000] as const;

interface Story {
  workers: number;
  queues: number;
  /** Emails a second over all queues, evenly spread by chance. */
  rate: number;
  /** Workers that come to a call at once; all where none is given. */
  come?: number;
}

interface Told {
  commands: number;
  calls: number;
  p50: number;
  p99: number;
  redis: number;
}

const SECONDS = 20;

const quantile = (sorted: number[], share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;

/** Emails come by chance; each calls the workers, those who come look, the first one with a free place sends it. */
const simulate = ({ workers, queues, rate, come }: Story): Told => {
  const free = new Array<number>(workers).fill(LAYOUT);
  const ends = heapTime<number>();
  const waits: number[] = [];
  let [commands, calls, emails] = [0, 0, 0];
  // Looks at what is due, at moments that were put off: no more than one in the least time, two commands each.
  if (come !== undefined && workers > come) commands += workers * SECONDS * (1_000 / COME_LATER[0]) * 2;
  const share = come === undefined ? 1 : Math.min(1, come / workers);
  const backlog: number[] = [];
  const take = (worker: number, arrived: number, now: number): void => {
    free[worker] = (free[worker] ?? 0) - 1;
    commands += OF_EMAIL;
    waits.push(now - arrived);
    ends.push(now + SEND_MS, worker);
  };
  for (let now = 0; now < SECONDS * 1_000;) {
    now += -Math.log(1 - Math.random()) * (1_000 / rate);
    for (let end = ends.popUntil(now); end !== undefined; end = ends.popUntil(now)) {
      free[end.value] = (free[end.value] ?? 0) + 1;
      const arrived = backlog.shift();
      if (arrived !== undefined) take(end.value, arrived, end.at);
    }
    emails++;
    // The queue of this email is due already only where it has another one waiting: rare with many queues.
    calls += Math.random() < 1 / queues ? 0 : workers;
    let comers = 0;
    let sent = false;
    for (let worker = 0; worker < workers; worker++) {
      if (Math.random() >= share) continue;
      comers++;
      if (!sent && (free[worker] ?? 0) > 0) {
        take(worker, now, now + REACTION_MS);
        sent = true;
      }
    }
    commands += Math.max(0, comers - (sent ? 1 : 0)) * OF_LOOK;
    if (sent) continue;
    // Nobody came, or nobody who came had a place: the first one of the others does.
    const [earliest, latest] = COME_LATER;
    const worker = free.findIndex((places) => places > 0);
    if (comers === 0 && worker >= 0) take(worker, now, now + earliest + (latest - earliest) / workers);
    else backlog.push(now);
  }
  waits.sort((one, other) => one - other);
  return {
    commands: commands / emails,
    calls: calls / emails,
    p50: quantile(waits, 0.5),
    p99: quantile(waits, 0.99),
    redis: (commands / SECONDS) * (COMMAND_MS / 1_000),
  };
};

const rows = [1, 4, 10, 30, 100].flatMap((workers) =>
  [undefined, COME_AT_ONCE].map((come) => ({ workers, queues: 100_000, rate: 1_000, ...(come && { come }) })),
);
console.log('fleet-model: 1,000 emails a second over 100,000 queues, 50 ms at the server; a model, not a measurement');
console.table(
  rows.map((story) => {
    const { commands, calls, p50, p99, redis } = simulate(story);
    return {
      workers: story.workers,
      'come at once': story.come === undefined ? 'all' : Math.min(story.come, story.workers),
      'Redis commands an email': Math.round(commands * 10) / 10,
      'messages an email': Math.round(calls),
      'cores of Redis': Math.round(redis * 100) / 100,
      'wait p50, ms': Math.round(p50),
      'wait p99, ms': Math.round(p99),
    };
  }),
);
