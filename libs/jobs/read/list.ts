// Pages of a queue's emails, newest first, filtered; a page costs a bounded amount of work however much there is.
import { problemAt } from '../../mail/input/problem';
import { readRecipientPattern, type RecipientPattern } from '../../mail/address/recipient-pattern';
import type { State } from '../../mail/email/state';
import type { Redis } from '../../store/redis/redis';
import { byAddress, type Entries, type Source } from './by-address';
import { idBound, idTime } from '../layout/email-id';
import { readRecords, type EmailRecord } from '../layout/email-record';
import type { EmailQueue } from '../layout/queues';

export interface EmailFilter {
  state?: State | undefined;
  /** As `readRecipientPattern` reads it. */
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

/** Emails that one page may look at; a filtered page may be short and still have a cursor (docs/api.md). */
const MOST_READ = 2_000;
const [SMALLEST_CHUNK, LARGEST_CHUNK] = [10, 200];
/** Sets up to this size are sorted whole, which finds the rare ones among many at once. */
const SMALL_SET = 5_000;

/** The set of BullMQ that holds all emails of a state, where there is one; of expired ones all but those that wait still. */
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

const byTime =
  (redis: Redis, queue: EmailQueue, filter: EmailFilter): Source =>
  async (after, count) => {
    const max = after !== undefined ? `(${after}` : filter.until === undefined ? '+' : `(${idBound(filter.until)}`;
    const min = filter.since === undefined ? '-' : `[${idBound(filter.since)}`;
    const ids = await redis.zrevrangebylex(queue.keys.byTime, max, min, 'LIMIT', 0, count);
    return page(ids, count);
  };

const page = (ids: string[], count: number): Entries => ({
  entries: ids.map((id) => ({ id, cursor: id })),
  next: ids.length === count ? ids.at(-1) : undefined,
});

/** The ids of all emails that may be in a state, where they are few: what expires where it waits is in no set of its own. */
const idsOfState = async (
  redis: Redis,
  queue: EmailQueue,
  state: State,
  now: number,
): Promise<string[] | undefined> => {
  const set = SET_OF_STATE[state];
  if (set === undefined) return undefined;
  const { bull, upkeep } = queue.keys;
  const overdue = state === 'expired' ? now : 0;
  const [many, more] = await Promise.all([redis.zcard(bull + set), redis.zcount(upkeep, '-inf', overdue)]);
  if (many + more > SMALL_SET) return undefined;
  const [ids, others] = await Promise.all([
    redis.zrange(bull + set, 0, '-1'),
    redis.zrangebyscore(upkeep, '-inf', overdue),
  ]);
  return [...new Set([...ids, ...others])];
};

const bySmallSet = (ids: string[]): Source => {
  const all = ids.sort().reverse();
  return (after, count) => {
    const rest = after === undefined ? all : all.filter((id) => id < after);
    return Promise.resolve(page(rest.slice(0, count), count));
  };
};

/** @throws Problem `invalid` where it cannot be answered */
const patternOf = (recipient: string): RecipientPattern => {
  const read = readRecipientPattern(recipient);
  if (typeof read === 'string') throw problemAt('invalid', ['recipient'], read);
  return read;
};

const sourceOf = async (redis: Redis, queue: EmailQueue, filter: EmailFilter, now: number): Promise<Source> => {
  if (filter.recipient !== undefined) return byAddress(redis, queue.keys.byAddress, patternOf(filter.recipient));
  const ids = filter.state && (await idsOfState(redis, queue, filter.state, now));
  return ids === undefined ? byTime(redis, queue, filter) : bySmallSet(ids);
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
  const source = await sourceOf(redis, queue, filter, options.now);
  const emails: EmailRecord[] = [];
  let after = options.cursor;
  // What the page needs if everything matches; a filter that finds little reads on in larger steps.
  let chunk = Math.max(SMALLEST_CHUNK, Math.min(options.limit, LARGEST_CHUNK));
  for (let read = 0; read < MOST_READ; read += chunk) {
    if (read > 0) chunk = LARGEST_CHUNK;
    const { entries, next } = await source(after, chunk);
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
    if (next === undefined) return { emails };
    after = next;
  }
  return { emails, ...(after !== undefined && { cursor: after }) };
};
