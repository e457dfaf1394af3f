// In which queues emails may be found: so that a list over many queues asks only those that can hold something.
//
// Two things are kept, both in a slot of their own, written before the email is added:
//
// - Time is cut into slices of 2.3 hours. Of each slice in which a queue got emails there is one entry, under the time of the
//   newest of them. A queue that gets many is entered ahead, for a second, so that not every email costs a write.
// - What emails are looked for by (addresses, their domains, how both begin, Message-IDs of their own) is hashed to one of 4,096
//   signs, and of each sign there is a bitmap of the queues that have it, by their numbers: signature files (Faloutsos and
//   Christodoulakis, 1984), cut into slices. A sign may mean something else as well; where it is not, there is no such email.
//
// Entries that lead to nothing cost a look, missing ones would hide emails. So nothing is taken away but what `tidy` finds to be
// older than all that a queue holds. Until a pass over all queues has entered what earlier versions left
// (`KEYS.whereaboutsWhole`), readers ask every queue.
import { LRUCache } from 'lru-cache';
import type { RecipientPattern } from '../../mail/address/recipient-pattern';
import type { StoredEmail } from '../../mail/email/stored-email';
import { KEYS } from '../../store/redis/keys';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import { whenLost } from '../../store/servers/each-server';
import { idTime } from './email-id';
import { addressMembers, MESSAGE_IDS, messageIdPrefix, SEPARATOR } from './index-entries';
import type { EmailQueue } from './queues';

const SLICE_MS = 2 ** 23;
/** A queue that gets another email within this time is entered so far ahead. */
const AHEAD_MS = 1_000;
const SIGNS = 4_096;
/** All signs: of a queue with so many emails that it has nearly every one. */
export const EVERY_SIGN: readonly number[] = Array.from({ length: SIGNS }, (_, bit) => bit);
const MANY_SIGNS = SIGNS / 2;
/** Addresses are also looked for by how they begin: so many characters of it count. */
const BEGINNING = 3;
const REMEMBERED_MS = 3_600_000;

export const sliceOf = (ms: number): number => Math.floor(ms / SLICE_MS);
export const sliceBegin = (slice: number): number => slice * SLICE_MS;
const prefixOf = (slice: number): string => slice.toString(36) + SEPARATOR;

/** FNV-1a, folded to a bit of the map. */
const bitOf = (text: string): number => {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return ((hash >>> 16) ^ hash) & (SIGNS - 1);
};

type Indexed = Pick<StoredEmail, 'to' | 'cc' | 'bcc' | 'formerly' | 'raw'>;

const signs = {
  address: (domain: string, local: string) => bitOf(`a${domain}${SEPARATOR}${local}`),
  domain: (domain: string) => bitOf(`d${domain}`),
  domainBegins: (domain: string) => bitOf(`e${domain.slice(0, BEGINNING)}`),
  localBegins: (local: string) => bitOf(`l${local.slice(0, BEGINNING)}`),
  /** By what stands in its member. */
  messageId: (hash: string) => bitOf(`m${hash}`),
};

const addressSigns = (domain: string, local: string): number[] => [
  signs.address(domain, local),
  signs.domain(domain),
  signs.domainBegins(domain),
  signs.localBegins(local),
];

/** The signs of a member of the index by address. */
export const memberSigns = (member: string): number[] => {
  const at = member.indexOf(SEPARATOR);
  const domain = member.slice(0, at);
  const local = member.slice(at + 1, member.indexOf(SEPARATOR, at + 1));
  return domain === MESSAGE_IDS ? [signs.messageId(local)] : addressSigns(domain, local);
};

export const signsOfMessageId = (messageId: string): number[] => memberSigns(messageIdPrefix(messageId));

/** The bits of all queues that may have an email to such an address; none where it says too little. */
export const signsOfPattern = ({ local, domain }: RecipientPattern): number[] => {
  const [openLocal, openDomain] = [local.endsWith('*'), domain.endsWith('*')];
  if (!openLocal && !openDomain) return [signs.address(domain, local)];
  const beginning = (part: string, isOpen: boolean, sign: (part: string) => number): number[] =>
    isOpen && part.length <= BEGINNING ? [] : [sign(part)];
  return [
    ...(openDomain ? beginning(domain, true, signs.domainBegins) : [signs.domain(domain)]),
    ...beginning(local, openLocal, signs.localBegins),
  ];
};

// KEYS: slices of the installation, of the tenant, numbers, names, signs. ARGV: queue, application, slice and separator, newest
// (ms),
// how many signs. Result: 1. Atomic, so that no two queues get one number. A queue that is deleted keeps its own: what is entered of
// it leads to nothing, or to what it has when it is made anew.
const enter = defineScript(`
redis.call('ZADD', KEYS[1], 'GT', ARGV[4], ARGV[3] .. ARGV[1])
redis.call('ZADD', KEYS[2], 'GT', ARGV[4], ARGV[3] .. ARGV[2])
if ARGV[5] == '0' then return 1 end
local number = redis.call('HGET', KEYS[3], ARGV[1])
if not number then
  number = redis.call('HLEN', KEYS[3])
  redis.call('HSET', KEYS[3], ARGV[1], number)
  redis.call('HSET', KEYS[4], number, ARGV[1])
end
for index = 5, 4 + ARGV[5] do redis.call('SETBIT', KEYS[index], number, 1) end
return 1`);

/** What this process has entered of a queue. */
interface Entered {
  slice: number;
  /** The newest email of it, and until when emails are entered already; ms since 1970. */
  newest: number;
  until: number;
  bits: Uint8Array;
  /** How many bits are set. */
  count: number;
}

const remembered = new WeakMap<Redis, LRUCache<string, Entered>>();
const memoryOf = (redis: Redis): LRUCache<string, Entered> => {
  const known = remembered.get(redis);
  if (known !== undefined) return known;
  const made = new LRUCache<string, Entered>({ max: 10_000, ttl: REMEMBERED_MS });
  // Behind a lost connection there may be a Redis that has not got all that was written.
  whenLost(redis, () => made.clear());
  remembered.set(redis, made);
  return made;
};

const isSet = (map: Uint8Array, bit: number): boolean => (((map[bit >> 3] ?? 0) >> (bit & 7)) & 1) === 1;

/**
 * Emails of one slice of time.
 * @param newest ms since 1970
 * @param wanted bits of what they are looked for by
 * @returns undefined where nothing had to be written
 */
export const enterSlice = (
  redis: Redis,
  queue: EmailQueue,
  newest: number,
  wanted: number[],
): Promise<void> | undefined => {
  const { address, name } = queue;
  const memory = memoryOf(redis);
  const slice = sliceOf(newest);
  const known = memory.get(name);
  const map = known?.bits ?? new Uint8Array(SIGNS / 8);
  let bits = [...new Set(wanted)].filter((bit) => !isSet(map, bit));
  const before = known?.count ?? 0;
  // From here on most questions lead to this queue anyway: the rest is entered at once, not with an email each.
  if (bits.length > 0 && before + bits.length > MANY_SIGNS) bits = EVERY_SIGN.filter((bit) => !isSet(map, bit));
  const isEntered = known?.slice === slice && newest <= known.until;
  if (isEntered && bits.length === 0) return undefined;
  const isBusy = known?.slice === slice && newest - known.newest < AHEAD_MS;
  const until = Math.min(isBusy ? newest + AHEAD_MS : newest, sliceBegin(slice + 1) - 1);
  const keys = [KEYS.slices, KEYS.slicesOf(address.tenant), KEYS.queueNumbers, KEYS.numberedQueues];
  const isNewest = known === undefined || slice >= known.slice;
  const args = [name, address.application, prefixOf(slice), until, bits.length];
  return enter(redis, [...keys, ...bits.map(KEYS.sign)], args).then(() => {
    for (const bit of bits) map[bit >> 3] = (map[bit >> 3] ?? 0) | (1 << (bit & 7));
    // An older slice is entered as well, but what comes next is of the newest.
    if (isNewest) memory.set(name, { slice, newest, until, bits: map, count: before + bits.length });
  });
};

/**
 * Emails can be found in the queue from now on; called before they are added, or given other recipients.
 * @returns undefined where nothing had to be written
 */
export const announceWhereabouts = (
  redis: Redis,
  queue: EmailQueue,
  emails: { id: string; email: Indexed }[],
): Promise<unknown> | undefined => {
  const slices = new Map<number, { newest: number; bits: number[] }>();
  for (const { id, email } of emails) {
    const time = idTime(id);
    const slice = sliceOf(time);
    const known = slices.get(slice);
    const bits = addressMembers(id, email).flatMap(memberSigns);
    if (known === undefined) slices.set(slice, { newest: time, bits });
    else {
      known.newest = Math.max(known.newest, time);
      known.bits.push(...bits);
    }
  }
  const written = [...slices.values()].flatMap(({ newest, bits }) => enterSlice(redis, queue, newest, bits) ?? []);
  return written.length === 0 ? undefined : Promise.all(written);
};
