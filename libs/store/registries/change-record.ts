// Changes a record that lies as JSON in a field of a hash: of two at once neither loses what the other wrote.
import type { Redis } from '../redis/redis';
import { defineScript } from '../redis/script';
import { requireSmall, type Bound } from './bound';

// KEYS: the hash, an outbox. ARGV: field, the text that it must have ('' where it must not exist), the new text ('' to remove it),
// how many fields there may be or '', what whoever listens is told or ''. Result: 1, 0 where somebody else changed it meanwhile,
// -1 where a new one is one too many. Atomic, so that whoever decided on an older text decides again.
const replaceText = defineScript(`
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
if ARGV[4] ~= '' and ARGV[2] == '' and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then return -1 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
if ARGV[5] ~= '' then redis.call('XADD', KEYS[2], '*', 'e', ARGV[5]) end
return 1`);

/** What whoever listens is told of a change, by the script that makes it; the outbox lies in the slot of the record. */
export interface Told {
  outbox: string;
  event: string;
}

/**
 * @param decide the new text of the present one; undefined removes it
 * @throws Problem of the bound, where there is one
 */
const replace = async (
  redis: Redis,
  key: string,
  field: string,
  decide: (present: string | null) => string | undefined,
  bound?: Bound,
  told: () => Promise<Told | undefined> = () => Promise.resolve(undefined),
): Promise<void> => {
  for (;;) {
    const present = await redis.hget(key, field);
    const next = decide(present);
    requireSmall(bound, present ?? '', next ?? '');
    const { outbox, event } = (await told()) ?? { outbox: key, event: '' };
    const args = [field, present ?? '', next ?? '', bound?.most ?? '', event];
    const answer = await replaceText(redis, [key, outbox], args);
    if (answer === -1 && bound !== undefined) throw bound.refuse();
    if (answer === 1) return;
  }
};

const parse = <T>(text: string | null): T | undefined => (text === null ? undefined : (JSON.parse(text) as T));

/**
 * @param decide makes the new record of the present one; called again where somebody else was faster, so it must do nothing
 * but decide. What it throws leaves the record as it is.
 * @param bound of how many records the hash may have
 * @param tell what of the change whoever listens is told
 * @returns the record before and after
 * @throws Problem of the bound
 */
export const changeRecord = async <T>(
  redis: Redis,
  key: string,
  field: string,
  decide: (present: T | undefined) => T,
  bound?: Bound,
  tell?: (before: T | undefined, after: T) => Promise<Told | undefined>,
): Promise<{ before: T | undefined; after: T }> => {
  let changed: { before: T | undefined; after: T } | undefined;
  const change = (text: string | null): string => {
    const before = parse<T>(text);
    changed = { before, after: decide(before) };
    return JSON.stringify(changed.after);
  };
  const told = async (): Promise<Told | undefined> => changed && tell?.(changed.before, changed.after);
  await replace(redis, key, field, change, bound, told);
  if (changed === undefined) throw new Error(`nothing was decided for ${field} of ${key}`);
  return changed;
};

/**
 * @param allow throws where the record must stay
 * @returns the record that was removed, if there was one
 */
export const removeRecord = async <T>(
  redis: Redis,
  key: string,
  field: string,
  allow: (present: T) => void,
): Promise<T | undefined> => {
  let removed: T | undefined;
  await replace(redis, key, field, (text) => {
    removed = parse<T>(text);
    if (removed !== undefined) allow(removed);
    return undefined;
  });
  return removed;
};

/**
 * Rewrites a record that is there, and lets one alone that is not; called again where somebody else was faster.
 * @returns whether it was changed
 */
export const rewriteRecord = async <T>(
  redis: Redis,
  key: string,
  field: string,
  rewrite: (present: T) => T,
): Promise<boolean> => {
  let changed = false;
  await replace(redis, key, field, (text) => {
    const present = parse<T>(text);
    const next = present === undefined ? undefined : JSON.stringify(rewrite(present));
    changed = next !== undefined && next !== text;
    return next;
  });
  return changed;
};
