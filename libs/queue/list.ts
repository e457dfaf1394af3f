// Pages of a queue's emails, newest first, filtered; a page costs a bounded amount of work however much there is.
import type { State } from '../mail/state';
import type { Redis } from '../store/redis';
import { idBound, idTime } from './email-id';
import { readRecords, type EmailRecord } from './email-record';
import { addressRange, memberId } from './index-entries';
import type { EmailQueue } from './queues';

export interface EmailFilter {
  state?: State | undefined;
  /** An exact address, or a prefix that ends in `*`. */
  recipient?: string | undefined;
  template?: string | undefined;
  tag?: string | undefined;
  /** ms since 1970, of acceptance: from `since` on, before `until`. */
  since?: number | undefined;
  until?: number | undefined;
}

export interface Page {
  emails: EmailRecord[];
  /** Where the next page begins; missing where there is none. */
  cursor?: string;
}

/** Emails that one page may look at; a filtered page may be short and still have a cursor (api.md). */
const MOST_READ = 2_000;
const [SMALLEST_CHUNK, LARGEST_CHUNK] = [10, 200];
/** Sets up to this size are sorted whole, which finds the rare ones among many at once. */
const SMALL_SET = 5_000;

/** The set of BullMQ that holds all emails of a state, where there is one. */
const SET_OF_STATE: Partial<Record<State, 'failed' | 'delayed'>> = {
  held: 'failed',
  uncertain: 'failed',
  failed: 'failed',
  expired: 'failed',
  canceled: 'failed',
  scheduled: 'delayed',
  deferred: 'delayed',
};

const matches = (filter: EmailFilter, record: EmailRecord): boolean =>
  (filter.state === undefined || record.state === filter.state) &&
  (filter.template === undefined || record.email.template?.name === filter.template) &&
  (filter.tag === undefined || (record.email.tags ?? []).includes(filter.tag)) &&
  (filter.since === undefined || idTime(record.id) >= filter.since) &&
  (filter.until === undefined || idTime(record.id) < filter.until);

/** Gives the next ids after a cursor, in the order of the list, with the cursor of each. */
type Source = (after: string | undefined, count: number) => Promise<{ id: string; cursor: string }[]>;

const byTime =
  (redis: Redis, queue: EmailQueue, filter: EmailFilter): Source =>
  async (after, count) => {
    const max = after !== undefined ? `(${after}` : filter.until === undefined ? '+' : `(${idBound(filter.until)}`;
    const min = filter.since === undefined ? '-' : `[${idBound(filter.since)}`;
    const ids = await redis.zrevrangebylex(queue.keys.byTime, max, min, 'LIMIT', 0, count);
    return ids.map((id) => ({ id, cursor: id }));
  };

const byAddress =
  (redis: Redis, queue: EmailQueue, recipient: string): Source =>
  async (after, count) => {
    const [min, max] = addressRange(recipient, after);
    const members = await redis.zrangebylex(queue.keys.byAddress, min, max, 'LIMIT', 0, count);
    return members.map((member) => ({ id: memberId(member), cursor: member }));
  };

const bySmallSet = async (redis: Redis, queue: EmailQueue, set: 'failed' | 'delayed'): Promise<Source | undefined> => {
  const key = `${queue.keys.bull}${set}`;
  if ((await redis.zcard(key)) > SMALL_SET) return undefined;
  const ids = (await redis.zrange(key, 0, '-1')).sort().reverse();
  return (after, count) => {
    const rest = after === undefined ? ids : ids.filter((id) => id < after);
    return Promise.resolve(rest.slice(0, count).map((id) => ({ id, cursor: id })));
  };
};

const sourceOf = async (redis: Redis, queue: EmailQueue, filter: EmailFilter): Promise<Source> => {
  if (filter.recipient !== undefined) return byAddress(redis, queue, filter.recipient);
  const set = filter.state && SET_OF_STATE[filter.state];
  return (set && (await bySmallSet(redis, queue, set))) ?? byTime(redis, queue, filter);
};

/**
 * @param cursor from the page before, made by this function
 * @param now ms since 1970; states may depend on it
 */
export const listEmails = async (
  redis: Redis,
  queue: EmailQueue,
  filter: EmailFilter,
  options: { limit: number; cursor?: string | undefined; now: number },
): Promise<Page> => {
  const source = await sourceOf(redis, queue, filter);
  const emails: EmailRecord[] = [];
  let after = options.cursor;
  // What the page needs if everything matches; a filter that finds little reads on in larger steps.
  let chunk = Math.max(SMALLEST_CHUNK, Math.min(options.limit, LARGEST_CHUNK));
  for (let read = 0; read < MOST_READ; read += chunk) {
    if (read > 0) chunk = LARGEST_CHUNK;
    const entries = await source(after, chunk);
    const records = await readRecords(
      redis,
      queue,
      entries.map(({ id }) => id),
      options.now,
    );
    for (const [index, { cursor }] of entries.entries()) {
      const record = records[index];
      after = cursor;
      if (record === undefined || !matches(filter, record)) continue;
      emails.push(record);
      if (emails.length === options.limit) return { emails, cursor };
    }
    if (entries.length < chunk) return { emails };
  }
  return { emails, ...(after !== undefined && { cursor: after }) };
};
