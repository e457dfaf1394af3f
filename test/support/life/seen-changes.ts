// Which states the emails of a Redis went through, told from its journal alone: nothing of the service is asked.
import { readFailure } from '../../../libs/mail/email/failure';
import { readState, type State } from '../../../libs/mail/email/state';
import type { Transaction } from '../redis/redis-journal';
import { createReplay, EMAIL_KEY, type Job } from './replayed-jobs';

/** An email came into a state. */
export interface SeenChange {
  id: string;
  queue: string;
  from: State | 'new';
  to: State | 'gone';
  /** By Redis' clock, ms since 1970. */
  at: number;
  /** The commands of the transaction, without their arguments. */
  by: string;
}

/** Times are written to the second, and a clock that Redis reads ten times a second. */
const WINDOW_MS = 1_150;

const timesOf = ({ times }: Job): number[] => (times === undefined ? [] : [times.sendAt, times.expiresAt]);

const stateAt = (job: Job, now: number): State => {
  const { failedReason = '', atm = '0' } = job.fields;
  const failure = failedReason === '' ? undefined : readFailure(failedReason);
  const { place = 'waiting', times = { sendAt: 0, expiresAt: Infinity } } = job;
  const evidence = { place, attemptsMade: Number(atm), ...times };
  return readState({ ...evidence, ...(failure && { failureCode: failure.code }) }, now);
};

type Step = [from: State | 'new', to: State | 'gone'];

/** The states of a row of looks at a job, where all of them were taken at one time. */
const stepsAt = (looks: readonly (Job | undefined)[], now: number): Step[] => {
  const states = looks.map((job) => job && stateAt(job, now));
  return states.slice(1).flatMap((to, index) => {
    const from = states[index];
    return from === to ? [] : [[from ?? 'new', to ?? 'gone'] as Step];
  });
};

/** What time alone did to a job. */
const stepsUntil = (job: Job | undefined, until: number): Step[] => {
  if (job === undefined || job.at === 0) return [];
  const { at } = job;
  const moments = timesOf(job).filter((time) => time > at && time <= until);
  const states = [at, ...moments.sort((one, other) => one - other)].map((time) => stateAt(job, time));
  return states.slice(1).flatMap((to, index) => (to === states[index] ? [] : [[states[index] ?? to, to] as Step]));
};

/**
 * @param deps.allowed whether a change exists. A change is told as it was at the first time of its second at which it is
 * allowed: what hangs on a fraction of it cannot be told from the journal
 * @param deps.see is told of every change
 */
export const createSeenChanges = (deps: {
  allowed: (from: State | 'new', to: State | 'gone') => boolean;
  see: (change: SeenChange) => void;
}) => {
  const replay = createReplay();

  /** Tells what became of a job in a transaction. */
  const tell = (key: string, row: readonly (Job | undefined)[], at: number, by: string): void => {
    const now = replay.jobs.get(key);
    const all = now === row.at(-1) ? row : [...row, now];
    const known = all.filter((job) => job !== undefined);
    // Not an email yet, or what another client wrote in its place.
    if (known.some(({ times }) => times === undefined)) return;
    const until = at + WINDOW_MS;
    const edges = known.flatMap((job) => timesOf(job).flatMap((time) => [time, time - 1]));
    const from = Math.max(at, row[0]?.at ?? 0);
    const moments = [from, until, ...edges.filter((time) => time > from && time < until)].sort((a, b) => a - b);
    const rows = moments.map((moment) => ({
      moment,
      steps: [...stepsUntil(row[0], moment), ...stepsAt(all, moment)],
    }));
    const best = rows.find(({ steps }) => steps.every(([from, to]) => deps.allowed(from, to))) ?? rows[0];
    if (best === undefined) return;
    if (now !== undefined) replay.lookedAt(key, best.moment);
    const [, queue = '', id = ''] = EMAIL_KEY.exec(key) ?? [];
    for (const [from, to] of best.steps) deps.see({ id, queue, from, to, at: best.moment, by });
  };

  return ({ at, commands, isBase }: Transaction): void => {
    const looks = replay.transaction(commands);
    if (isBase) return;
    const by = commands.map(([name]) => name?.toString('latin1').toUpperCase()).join(' ');
    for (const [key, row] of looks) tell(key, row, at, by);
  };
};
