// Where a queue's list takes its ids from: the index that leaves the fewest emails to be looked at.
import { problemAt } from '../../mail/input/problem';
import { readRecipientPattern, type RecipientPattern } from '../../mail/address/recipient-pattern';
import { ASIDE_STATES, STATES, type State } from '../../mail/email/state';
import { BESIDE } from '../../store/redis/keys';
import type { Redis } from '../../store/redis/redis';
import { byAddress, byRange, type Entries, type Source } from './by-address';
import { byCause } from './by-cause';
import type { EmailFilter } from './email-filter';
import { idBound, isEmailId } from '../layout/email-id';
import { memberId, messageIdPrefix } from '../layout/index-entries';
import type { EmailQueue } from '../layout/queues';

/** Sets up to this size are sorted whole, which finds the rare ones among many at once. */
const SMALL_SET = 5_000;
/** Emails with one Message-ID: those that were sent again as they were. */
const SAME_MESSAGE_ID = 200;

/** The places that hold all emails of a state but for those that expired in place, and for `sent`. */
const PLACES: Partial<Record<State, readonly string[]>> = {
  held: ['failed'],
  uncertain: ['failed'],
  failed: ['failed'],
  expired: ['failed'],
  canceled: ['failed'],
  scheduled: ['delayed'],
  deferred: ['delayed'],
  queued: ['wait', 'prioritized', 'delayed'],
  sending: ['active'],
};

const LISTS: ReadonlySet<string> = new Set(['wait', 'active']);

const page = (ids: string[], count: number): Entries => ({
  entries: ids.map((id) => ({ id, cursor: id })),
  next: ids.length === count ? ids.at(-1) : undefined,
});

const byTime =
  (redis: Redis, queue: EmailQueue, filter: EmailFilter): Source =>
  async (after, count) => {
    const bound = filter.until === undefined ? undefined : idBound(filter.until);
    const from = after === undefined || (bound !== undefined && bound < after) ? bound : after;
    const min = filter.since === undefined ? '-' : `[${idBound(filter.since)}`;
    const ids = await redis.zrevrangebylex(
      queue.keys.byTime,
      from === undefined ? '+' : `(${from}`,
      min,
      'LIMIT',
      0,
      count,
    );
    return page(ids, count);
  };

/** @param ids all of the list, in any order */
const byIds = (ids: string[]): Source => {
  const all = [...new Set(ids)].sort().reverse();
  return (after, count) => {
    const rest = after === undefined ? all : all.filter((id) => id < after);
    return Promise.resolve(page(rest.slice(0, count), count));
  };
};

/** The ids of all emails that may be in one of these states, where they are few. */
const idsOfStates = async (
  redis: Redis,
  queue: EmailQueue,
  states: State[],
  now: number,
): Promise<string[] | undefined> => {
  const { bull, upkeep } = queue.keys;
  const sizeOf = (place: string): Promise<number> =>
    LISTS.has(place) ? redis.llen(bull + place) : redis.zcard(bull + place);
  const found = states.map((state) => PLACES[state]);
  if (found.includes(undefined)) return undefined;
  let places = [...new Set(found.flatMap((some) => some ?? []))];
  let sizes = await Promise.all(places.map(sizeOf));
  // A large error log is left for the sets of its states (`BESIDE`), where each state has one.
  const sets = states.map((state) => BESIDE.aside + state);
  if (sizes.some((size) => size > SMALL_SET) && states.every((state) => ASIDE_STATES.some((one) => one === state))) {
    places = sets;
    sizes = await Promise.all(places.map(sizeOf));
  }
  // What expires where it waits is in no set of its own.
  const overdue = states.includes('expired') ? await redis.zcount(upkeep, '-inf', now) : 0;
  const total = sizes.reduce((sum, size) => sum + size, overdue);
  if (total === 0 || total > SMALL_SET) return total === 0 ? [] : undefined;
  const ids = await Promise.all([
    ...places.map((place) =>
      LISTS.has(place) ? redis.lrange(bull + place, 0, -1) : redis.zrange(bull + place, 0, '-1'),
    ),
    overdue > 0 ? redis.zrangebyscore(upkeep, '-inf', now) : [],
  ]);
  return ids.flat();
};

/** The id in a Message-ID that was made of it (`messageIdOf`). */
export const idInMessageId = (messageId: string): string | undefined => {
  const id = messageId.slice(0, messageId.indexOf('@'));
  return isEmailId(id) ? id : undefined;
};

const byMessageId = async (redis: Redis, queue: EmailQueue, messageId: string): Promise<Source> => {
  const own = idInMessageId(messageId);
  const given = await byRange(redis, queue.keys.byAddress, messageIdPrefix(messageId))(undefined, SAME_MESSAGE_ID);
  return byIds([...(own === undefined ? [] : [own]), ...given.entries.map(({ cursor }) => memberId(cursor))]);
};

/** @throws Problem `invalid` where it cannot be answered */
export const patternOf = (recipient: string): RecipientPattern => {
  const read = readRecipientPattern(recipient);
  if (typeof read === 'string') throw problemAt('invalid', ['recipient'], read);
  return read;
};

/** What was sent did not fail. */
const MAY_HAVE_FAILED = STATES.filter((state) => state !== 'sent');

/** The states that the emails asked for are in; undefined: in any. */
const statesOf = ({ state, code, reply }: EmailFilter): State[] | undefined => {
  if (state !== undefined) return [state].flat();
  return code !== undefined || reply !== undefined ? MAY_HAVE_FAILED : undefined;
};

/**
 * The emails of a queue that the filter may ask for, in the order of the list: by address where a recipient is asked for, else
 * newest first. Each is still to be looked at (`createReadMatching`). An index of what else is filtered by has its place here.
 * @param now ms since 1970; states depend on it
 */
export const sourceOf = async (redis: Redis, queue: EmailQueue, filter: EmailFilter, now: number): Promise<Source> => {
  if (filter.id !== undefined) return byIds([filter.id].flat());
  if (filter.messageId !== undefined) return byMessageId(redis, queue, filter.messageId);
  if (filter.recipient !== undefined) return byAddress(redis, queue.keys.byAddress, patternOf(filter.recipient));
  if (filter.incident !== undefined) return byCause(redis, queue.keys.bull, { incident: filter.incident });
  const states = statesOf(filter);
  const ids = states && (await idsOfStates(redis, queue, states, now));
  return ids === undefined ? byTime(redis, queue, filter) : byIds(ids);
};
