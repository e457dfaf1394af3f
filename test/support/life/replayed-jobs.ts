// What Redis holds of emails' jobs, replayed from the commands of its journal: where each is, and the fields that its state hangs on.
import type { Place } from '../../../libs/mail/email/state';
import { dueAt, readStored } from '../../../libs/mail/email/stored-email';

type Fields = Readonly<Record<string, string>>;

/** What is known of a job. Values are replaced, never changed: an earlier look stays what it was. */
export interface Job {
  place?: Place | undefined;
  fields: Fields;
  /** Of the email in it; absent until there is one. ms since 1970, both. */
  times?: { sendAt: number; expiresAt: number } | undefined;
  /** When its state was looked at last, ms since 1970; 0: never. */
  at: number;
}

/** Queue, id, and whether it is the job itself or its lock. */
export const EMAIL_KEY = /^rohrpost:\{([^}]+)\}:\1:(m_[^:]+)(:lock)?$/;
const SET_KEY = /^(rohrpost:\{([^}]+)\}:\2:)(wait|paused|active|completed|failed|delayed|prioritized)$/;
const PLACE_OF: Record<string, Place> = { wait: 'waiting', paused: 'waiting' };
const FIELDS = new Set(['data', 'timestamp', 'atm', 'failedReason']);

const readTimes = ({ data, timestamp }: Fields): Job['times'] => {
  if (data === undefined || timestamp === undefined) return undefined;
  const email = readStored(data);
  return { sendAt: dueAt(email, Number(timestamp)), expiresAt: Date.parse(email.expiresAt) };
};

/** The jobs, and how the commands of one transaction change them. */
const createJobs = () => {
  const jobs = new Map<string, Job>();
  /** Of one transaction: every place that a job came to, its state of before first. */
  const looks = new Map<string, (Job | undefined)[]>();

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

  return { jobs, looks, put, enter, leave, setFields, drop };
};

/** @returns what tells of a transaction, job by job, every place that it came to; what it was before comes first */
export const createReplay = () => {
  const { jobs, looks, put, enter, leave, setFields, drop } = createJobs();

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

  return {
    /** By key. */
    jobs: jobs as ReadonlyMap<string, Job>,
    /** Notes that a job was looked at. */
    lookedAt: (key: string, at: number): void => put(key, { at }),
    transaction(commands: Buffer[][]): ReadonlyMap<string, readonly (Job | undefined)[]> {
      looks.clear();
      for (const command of commands) apply(command);
      return new Map(looks);
    },
  };
};
