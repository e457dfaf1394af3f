// Joins the lists of many queues into one, in the order of each; opens a queue only when its turn may have come.
import { queueName, type QueueAddress } from '../../mail/address/queue-address';
import { idBound, idTime } from '../layout/email-id';
import type { EmailQueue } from '../layout/queues';
import type { Entry, Source } from './by-address';
import type { Holding } from './queues-holding';

/** Queues that a page opens at most beside those that it has to: then it ends, and the next one goes on. */
const MOST_OPENED = 300;
/** Queues that are opened at once when the next one's time has come. */
const OPENED_AT_ONCE = 32;
/** What is read of each of many queues at first, and at most later. */
const FEW_READ = 4;
const LARGEST_READ = 200;
/** Looks that found nothing and are not at an end, of one page: a list by address may pass over many domains. */
const MOST_FRUITLESS = 200;

export interface Merged {
  queue: EmailQueue;
  entry: Entry;
}

export interface Batch {
  entries: Merged[];
  /** Where the list goes on although the batch is not full: the page must end here. Missing where it goes on behind its last entry. */
  stop?: string | undefined;
  /** Nothing comes after it. */
  ended: boolean;
}

interface Opened {
  queue: EmailQueue;
  source: Source;
  buffer: Entry[];
  after: string | undefined;
  /** How many are read next. */
  count: number;
  done: boolean;
}

/** Reads on, in steps that grow. */
const readOn = async (one: Opened): Promise<void> => {
  const { entries, next } = await one.source(one.after, one.count);
  one.buffer = entries;
  one.after = next;
  one.done = next === undefined;
  one.count = Math.min(LARGEST_READ, one.count * 4);
};

export interface MergeOptions {
  /** Opens the list of a queue. */
  open: (address: QueueAddress) => Promise<{ queue: EmailQueue; source: Source }>;
  /** Which of two cursors comes first in the list: below 0 where it is the first. */
  compare: (a: string, b: string) => number;
  /** The list goes on after this cursor. */
  after: string | undefined;
  /** Queues that are asked in any case. */
  first: QueueAddress[];
  /** Others, by their newest email, the newest first: only in lists by time. */
  others?: AsyncGenerator<Holding[]>;
  /** Nothing older is asked for, ms since 1970. */
  since?: number | undefined;
}

/** The lists that are open. */
const createLists = ({ compare, ...options }: MergeOptions) => {
  const opened: Opened[] = [];
  const known = new Set<string>();
  let fruitless = 0;

  return {
    isKnown: (address: QueueAddress): boolean => known.has(queueName(address)),
    /** @param count of entries that are read of each at first */
    async open(addresses: QueueAddress[], count: number): Promise<void> {
      const fresh = addresses.filter((address) => {
        const name = queueName(address);
        return !known.has(name) && known.add(name) !== undefined;
      });
      const some = await Promise.all(
        fresh.map(async (address) => {
          const list = await options.open(address);
          const one: Opened = { ...list, buffer: [], after: options.after, count, done: false };
          await readOn(one);
          return one;
        }),
      );
      opened.push(...some);
    },
    /** The list whose head is next; or how far one was read without finding its head, where that comes before. */
    async best(): Promise<{ next?: Opened | undefined; stop?: string | undefined }> {
      let next: Opened | undefined;
      let stop: string | undefined;
      for (const one of opened) {
        while (one.buffer.length === 0 && !one.done && fruitless < MOST_FRUITLESS) {
          await readOn(one);
          if (one.buffer.length === 0) fruitless++;
        }
        const [head] = one.buffer;
        const [least] = next?.buffer ?? [];
        if (head !== undefined && (least === undefined || compare(head.cursor, least.cursor) < 0)) next = one;
        if (head === undefined && one.after !== undefined && (stop === undefined || compare(one.after, stop) < 0))
          stop = one.after;
      }
      const [head] = next?.buffer ?? [];
      return stop !== undefined && (head === undefined || compare(stop, head.cursor) < 0) ? { stop } : { next };
    },
  };
};

/** The queues that are not open yet, the one with the newest email first. */
const createOthers = ({ others: all, since = -Infinity }: MergeOptions, isKnown: (one: QueueAddress) => boolean) => {
  let others = all;
  let waiting: Holding[] = [];
  return {
    async next(): Promise<Holding | undefined> {
      for (;;) {
        waiting = waiting.filter(({ address }) => !isKnown(address));
        const [next] = waiting;
        if (next !== undefined) return next.newest < since ? undefined : next;
        const more = await others?.next();
        if (more === undefined || more.done === true) {
          others = undefined;
          return undefined;
        }
        waiting = more.value;
      }
    },
    /** Those that come next. */
    some: (most: number): QueueAddress[] => waiting.slice(0, most).map(({ address }) => address),
  };
};

/** @returns gives the next entries of the list at each call */
export const createMerge = (options: MergeOptions) => {
  const { first } = options;
  const lists = createLists(options);
  const others = createOthers(options, lists.isKnown);
  let openedLater = 0;
  let isBegun = false;

  return async (most: number): Promise<Batch> => {
    if (!isBegun) await lists.open(first, first.length > OPENED_AT_ONCE ? FEW_READ : most);
    isBegun = true;
    const entries: Merged[] = [];
    while (entries.length < most) {
      const { next, stop } = await lists.best();
      if (stop !== undefined) return { entries, stop, ended: false };
      const other = await others.next();
      const head = next?.buffer[0];
      if (other !== undefined && (head === undefined || other.newest >= idTime(head.id))) {
        if (openedLater >= MOST_OPENED) return { entries, stop: idBound(other.newest + 1), ended: false };
        const some = others.some(OPENED_AT_ONCE);
        openedLater += some.length;
        await lists.open(some, FEW_READ);
        continue;
      }
      if (next === undefined || head === undefined) return { entries, ended: true };
      next.buffer.shift();
      entries.push({ queue: next.queue, entry: head });
    }
    return { entries, ended: false };
  };
};
