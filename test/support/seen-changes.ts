// Which states the emails of a Redis went through, told from its journal alone: nothing of the service is asked.
import { readFailure } from '../../libs/mail/email/failure';
import { readState, type Place, type State } from '../../libs/mail/email/state';
import { dueAt, readStored } from '../../libs/mail/email/stored-email';
import type { Transaction } from './redis-journal';

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

type Fields = Readonly<Record<string, string>>;

/** What is known of a job. Values are replaced, never changed: an earlier look stays what it was. */
interface Job {
  place?: Place | undefined;
  fields: Fields;
  /** Of the email in it; absent until there is one. ms since 1970, both. */
  times?: { sendAt: number; expiresAt: number } | undefined;
  /** When its state was looked at last, ms since 1970; 0: never. */
  at: number;
}

/** Times are written to the second, and a clock that Redis reads ten times a second. */
const WINDOW_MS = 1_150;
const EMAIL_KEY = /^rohrpost:\{([^}]+)\}:\1:(m_[^:]+)(:lock)?$/;
const SET_KEY = /^(rohrpost:\{([^}]+)\}:\2:)(wait|paused|active|completed|failed|delayed|prioritized)$/;
const PLACE_OF: Record<string, Place> = { wait: 'waiting', paused: 'waiting' };
const FIELDS = new Set(['data', 'timestamp', 'atm', 'failedReason']);

const readTimes = ({ data, timestamp }: Fields): Job['times'] => {
  if (data === undefined || timestamp === undefined) return undefined;
  const email = readStored(data);
  return { sendAt: dueAt(email, Number(timestamp)), expiresAt: Date.parse(email.expiresAt) };
};

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
const stepsAt = (looks: (Job | undefined)[], now: number): Step[] => {
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
 * @param deps.allowed whether a change exists. A change is told as it was at the latest time of its second at which it is
 * allowed: what hangs on a fraction of it cannot be told from the journal
 * @param deps.see is told of every change
 */
export const createSeenChanges = (deps: {
  allowed: (from: State | 'new', to: State | 'gone') => boolean;
  see: (change: SeenChange) => void;
}) => {
  const jobs = new Map<string, Job>();
  /** Of one transaction: every place that a job came to, its state of before first. */
  let looks = new Map<string, (Job | undefined)[]>();

  const touch = (key: string): void => {
    if (!looks.has(key)) looks.set(key, [jobs.get(key)]);
  };
  const put = (key: string, change: Partial<Job>): void => {
    touch(key);
    jobs.set(key, { ...(jobs.get(key) ?? { fields: {}, at: 0 }), ...change });
  };
  const enter = (key: string, place: Place): void => {
    if (!jobs.has(key)) return;
    put(key, { place });
    looks.get(key)?.push(jobs.get(key));
  };
  const leave = (key: string, place: Place): void => {
    if (jobs.get(key)?.place === place) put(key, { place: undefined });
  };
  const setFields = (key: string, fields: Record<string, string | undefined>): void => {
    const known = Object.entries({ ...jobs.get(key)?.fields, ...fields });
    const all = Object.fromEntries(known.filter((pair): pair is [string, string] => pair[1] !== undefined));
    const isDated = 'data' in fields || 'timestamp' in fields;
    put(key, { fields: all, ...(isDated && { times: readTimes(all) }) });
  };
  const drop = (key: string): void => {
    if (!jobs.has(key)) return;
    touch(key);
    jobs.delete(key);
  };

  const ofSet = (name: string, prefix: string, place: Place, args: Buffer[]): void => {
    const keyOf = (id: Buffer | undefined): string => `${prefix}${id?.toString() ?? ''}`;
    switch (name) {
      case 'LPUSH':
      case 'RPUSH':
        for (const id of args) enter(keyOf(id), place);
        return;
      case 'ZADD': {
        const first = args.findIndex((arg) => /^[-+]?(inf|\d)/.test(arg.toString('latin1')));
        for (let index = first + 1; index < args.length; index += 2) enter(keyOf(args[index]), place);
        return;
      }
      case 'LREM':
        return leave(keyOf(args[1]), place);
      case 'ZREM':
        for (const id of args) leave(keyOf(id), place);
    }
  };

  const ofJob = (name: string, key: string, args: string[]): void => {
    switch (name) {
      case 'HSET':
      case 'HMSET': {
        const pairs = args.flatMap((field, index) =>
          index % 2 === 0 && FIELDS.has(field) ? [[field, args[index + 1] ?? ''] as const] : [],
        );
        return setFields(key, Object.fromEntries(pairs));
      }
      case 'HINCRBY':
        if (args[0] === 'atm')
          setFields(key, { atm: String(Number(jobs.get(key)?.fields['atm'] ?? 0) + Number(args[1])) });
        return;
      case 'HDEL':
        if (jobs.has(key)) setFields(key, Object.fromEntries(args.map((field) => [field, undefined])));
        return;
      case 'RENAME':
        drop(key);
    }
  };

  const apply = (command: Buffer[]): void => {
    const [name = '', key = ''] = command.slice(0, 2).map((part) => part.toString('latin1'));
    const verb = name.toUpperCase();
    if (verb === 'FLUSHALL' || verb === 'FLUSHDB') return jobs.clear();
    if (verb === 'DEL' || verb === 'UNLINK') {
      for (const gone of command.slice(1)) drop(gone.toString('latin1'));
      return;
    }
    const set = SET_KEY.exec(key);
    if (set !== null) {
      const [, prefix = '', , suffix = ''] = set;
      return ofSet(verb, prefix, PLACE_OF[suffix] ?? (suffix as Place), command.slice(2));
    }
    const email = EMAIL_KEY.exec(key);
    if (email === null) return;
    // Which email RPOPLPUSH took is not said: whoever takes one locks it in the same step.
    if (email[3] !== undefined) return verb === 'SET' ? enter(key.slice(0, -':lock'.length), 'active') : undefined;
    ofJob(
      verb,
      key,
      command.slice(2).map((part) => part.toString('utf8')),
    );
  };

  /** Tells what became of a job in a transaction. */
  const tell = (key: string, row: (Job | undefined)[], at: number, by: string): void => {
    const now = jobs.get(key);
    const all = now === row.at(-1) ? row : [...row, now];
    const known = all.filter((job) => job !== undefined);
    // Not an email yet, or what another client wrote in its place.
    if (known.some(({ times }) => times === undefined)) return;
    const until = at + WINDOW_MS;
    const edges = known.flatMap((job) => timesOf(job).flatMap((time) => [time, time - 1]));
    const moments = [at, until, ...edges.filter((time) => time > at && time < until)].sort((a, b) => b - a);
    const rows = moments.map((moment) => ({
      moment,
      steps: [...stepsUntil(row[0], moment), ...stepsAt(all, moment)],
    }));
    const best = rows.find(({ steps }) => steps.every(([from, to]) => deps.allowed(from, to))) ?? rows.at(-1);
    if (best === undefined) return;
    if (now !== undefined) jobs.set(key, { ...now, at: best.moment });
    const [, queue = '', id = ''] = EMAIL_KEY.exec(key) ?? [];
    for (const [from, to] of best.steps) deps.see({ id, queue, from, to, at: best.moment, by });
  };

  return ({ at, commands, isBase }: Transaction): void => {
    looks = new Map();
    for (const command of commands) apply(command);
    if (isBase) return;
    const by = commands.map(([name]) => name?.toString('latin1').toUpperCase()).join(' ');
    for (const [key, row] of looks) tell(key, row, at, by);
  };
};
