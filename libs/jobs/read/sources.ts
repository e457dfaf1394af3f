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
import { isWhole } from './queues-holding';
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

/** All ids of these sets and lists, and those whose time is over where they wait, where that is asked for; undefined where they are many. */
const idsIn = async (
  redis: Redis,
  { keys: { bull, upkeep } }: EmailQueue,
  places: readonly string[],
  overdueAt: number | undefined,
): Promise<string[] | undefined> => {
  const sizeOf = (place: string): Promise<number> =>
    LISTS.has(place) ? redis.llen(bull + place) : redis.zcard(bull + place);
  const idsOf = (place: string): Promise<string[]> =>
    LISTS.has(place) ? redis.lrange(bull + place, 0, -1) : redis.zrange(bull + place, 0, '-1');
  const sizes = await Promise.all(places.map(sizeOf));
  const overdue = overdueAt === undefined ? 0 : await redis.zcount(upkeep, '-inf', overdueAt);
  const total = sizes.reduce((sum, size) => sum + size, overdue);
  if (total === 0 || total > SMALL_SET) return total === 0 ? [] : undefined;
  const ids = await Promise.all([
    ...places.map(idsOf),
    overdueAt !== undefined && overdue > 0 ? redis.zrangebyscore(upkeep, '-inf', overdueAt) : [],
  ]);
  return ids.flat();
};

/** What expires where it waits is in no set of its own. */
const overdueOf = (states: readonly State[], now: number): number | undefined =>
  states.includes('expired') ? now : undefined;

const asideSet = (state: State): string => BESIDE.aside + state;
const isAside = (state: State): boolean => ASIDE_STATES.some((one) => one === state);

/** The same with the sets of states that the error log tells apart (`BESIDE`), where each state has a set that is not the error log. */
const setsBesideLog = (states: readonly State[]): string[] | undefined => {
  const sets = states.flatMap((state) => (isAside(state) ? [asideSet(state)] : (PLACES[state] ?? [])));
  return sets.includes('failed') ? undefined : [...new Set(sets)];
};

/** The ids of all emails that may be in one of these states, where they are few. */
const idsOfStates = async (
  redis: Redis,
  queue: EmailQueue,
  states: State[],
  now: number,
): Promise<string[] | undefined> => {
  const found = states.map((state) => PLACES[state]);
  if (found.includes(undefined)) return undefined;
  const places = [...new Set(found.flatMap((some) => some ?? []))];
  const overdueAt = overdueOf(states, now);
  const ids = await idsIn(redis, queue, places, overdueAt);
  // A large error log is left for the sets of its states, where each state has one.
  const sets = setsBesideLog(states);
  return ids !== undefined || sets === undefined ? ids : idsIn(redis, queue, sets, overdueAt);
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

/** Ends whose cause does not tell everything that is filtered by: by a person's hand, or since their time was over. */
const WITHOUT_REPLY: State[] = ['held', 'canceled', 'expired'];
/** What was sent did not fail. */
const MAY_HAVE_FAILED = STATES.filter((state) => state !== 'sent');

/** Two lists, newest first, as one. An email is in one of them, or in both. */
const joined =
  (a: Source, b: Source): Source =>
  async (after, count) => {
    const [first, second] = await Promise.all([a(after, count), b(after, count)]);
    const ids = new Set([...first.entries, ...second.entries].map(({ id }) => id));
    return page([...ids].sort().reverse().slice(0, count), count);
  };

/**
 * Where emails with a code or a reply are found by their cause.
 * @returns undefined where the index does not have all of them: of data of an earlier version before it was looked through, or of many
 * that a person stopped
 */
const byCodeAndReply = async (
  redis: Redis,
  queue: EmailQueue,
  { code, reply }: EmailFilter,
  now: number,
): Promise<Source | undefined> => {
  if (!(await isWhole(redis))) return undefined;
  const rest = WITHOUT_REPLY.filter((state) => code === undefined || code === state);
  const stopped = await idsIn(redis, queue, rest.map(asideSet), overdueOf(rest, now));
  if (stopped === undefined) return undefined;
  const caused = byCause(redis, queue.keys.bull, { code, reply });
  return stopped.length === 0 ? caused : joined(caused, byIds(stopped));
};

/** Is every email that the filter asks for in a queue that has causes? */
export const isByCause = ({ code }: EmailFilter): boolean =>
  code !== undefined && !WITHOUT_REPLY.some((state) => state === code);

const isByFailure = ({ code, reply }: EmailFilter): boolean => code !== undefined || reply !== undefined;

/** The states that the emails asked for are in; undefined: in any. */
const statesOf = (filter: EmailFilter): State[] | undefined => {
  if (filter.state !== undefined) return [filter.state].flat();
  return isByFailure(filter) ? MAY_HAVE_FAILED : undefined;
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
  const failed = isByFailure(filter) ? await byCodeAndReply(redis, queue, filter, now) : undefined;
  if (failed !== undefined) return failed;
  const states = statesOf(filter);
  const ids = states && (await idsOfStates(redis, queue, states, now));
  return ids === undefined ? byTime(redis, queue, filter) : byIds(ids);
};
