// Pages of the emails of many queues as if they were one; each page looks at a bounded number of emails and queues.
import type { QueueAddress } from '../../mail/address/queue-address';
import { idTime } from '../layout/email-id';
import type { EmailRecord } from '../layout/email-record';
import type { EmailQueue, Queues } from '../layout/queues';
import { queuesWithCauses } from '../traces/cause-index';
import { signsOfMessageId, signsOfPattern } from '../layout/whereabouts';
import { createReadMatching, type EmailFilter, type FilterDeps } from './email-filter';
import { firstChunk, MOST_READ, NEXT_CHUNK, type PageOptions } from './list';
import { createMerge, type Merged, type MergeOptions } from './merge';
import { isWhole, queuesAround, queuesBefore, queuesOf, queuesWithSigns, type Scope } from './queues-holding';
import { idInMessageId, isByCause, patternOf, sourceOf } from './sources';

/** An email of a list over many queues. */
export interface Found {
  address: QueueAddress;
  record: EmailRecord;
}

export interface FoundPage {
  emails: Found[];
  cursor?: string;
}

type OverDeps = FilterDeps & { queues: Queues };

/** Bytes of UTF-8, as Redis has it. */
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
const newestFirst = (a: string, b: string): number => (a > b ? -1 : a < b ? 1 : 0);

type Asked = Pick<MergeOptions, 'compare' | 'first' | 'others'>;

/** Which queues are asked, and in which order their lists are. */
const askedOf = async (
  { redis }: OverDeps,
  scope: Scope,
  filter: EmailFilter,
  cursor: string | undefined,
): Promise<Asked> => {
  const { recipient, messageId, until = Infinity } = filter;
  const whole = scope.application === undefined && (await isWhole(redis));
  const withSigns = (signs: number[]): Promise<QueueAddress[]> =>
    whole && signs.length > 0 ? queuesWithSigns(redis, scope, signs) : queuesOf(redis, scope);
  if (filter.id !== undefined) {
    const around = (id: string) => (whole ? queuesAround(redis, scope, idTime(id)) : queuesOf(redis, scope));
    return { compare: newestFirst, first: (await Promise.all([filter.id].flat().map(around))).flat() };
  }
  if (messageId !== undefined) {
    const id = idInMessageId(messageId);
    const made = id === undefined || !whole ? [] : await queuesAround(redis, scope, idTime(id));
    return { compare: newestFirst, first: [...made, ...(await withSigns(signsOfMessageId(messageId)))] };
  }
  if (recipient !== undefined)
    return { compare: byBytes, first: await withSigns(signsOfPattern(patternOf(recipient))) };
  if (filter.incident !== undefined || (whole && isByCause(filter))) {
    const isWithin = ({ tenant, application }: QueueAddress): boolean =>
      (scope.tenant ?? tenant) === tenant && (scope.application ?? application) === application;
    return { compare: newestFirst, first: (await queuesWithCauses(redis)).filter(isWithin) };
  }
  if (!whole) return { compare: newestFirst, first: await queuesOf(redis, scope) };
  const at = Math.min(cursor === undefined ? Infinity : idTime(cursor), until);
  const isOpen = at === Infinity;
  return {
    compare: newestFirst,
    first: isOpen ? [] : await queuesAround(redis, scope, at),
    others: queuesBefore(redis, scope, at),
  };
};

/** Emails by their queues, so that each queue is asked once. @returns in the order of the entries */
const readEntries = async (
  entries: Merged[],
  read: (queue: EmailQueue, ids: string[]) => Promise<(EmailRecord | undefined)[]>,
): Promise<(EmailRecord | undefined)[]> => {
  const groups = new Map<EmailQueue, string[]>();
  for (const { queue, entry } of entries) {
    const ids = groups.get(queue) ?? [];
    groups.set(queue, ids);
    ids.push(entry.id);
  }
  const found = new Map<EmailQueue, Map<string, EmailRecord | undefined>>();
  await Promise.all(
    [...groups].map(async ([queue, ids]) => {
      const records = await read(queue, ids);
      found.set(queue, new Map(ids.map((id, index) => [id, records[index]])));
    }),
  );
  return entries.map(({ queue, entry }) => found.get(queue)?.get(entry.id));
};

/**
 * Newest first; where a recipient is asked for, in the order of domains, addresses, then newest first, as a queue's own list.
 * @throws Problem `invalid` where the filter cannot be answered
 */
export const listOver = async (
  deps: OverDeps,
  scope: Scope,
  filter: EmailFilter,
  { limit, cursor, now }: PageOptions,
): Promise<FoundPage> => {
  const merge = createMerge({
    ...(await askedOf(deps, scope, filter, cursor)),
    after: cursor,
    since: filter.since,
    async open(address) {
      const queue = deps.queues.open(address);
      return { queue, source: await sourceOf(deps.redis, queue, filter, now) };
    },
  });
  const readMatching = createReadMatching(deps, filter);
  const emails: Found[] = [];
  let after = cursor;
  let chunk = firstChunk(limit);
  for (let read = 0; read < MOST_READ; read += chunk) {
    if (read > 0) chunk = NEXT_CHUNK;
    const { entries, stop, ended } = await merge(chunk);
    const records = await readEntries(entries, readMatching);
    for (const [index, { queue, entry }] of entries.entries()) {
      after = entry.cursor;
      const record = records[index];
      if (record === undefined) continue;
      emails.push({ address: queue.address, record });
      if (emails.length === limit) return { emails, cursor: entry.cursor };
    }
    if (ended) return { emails };
    if (stop !== undefined) return { emails, cursor: stop };
  }
  return { emails, ...(after !== undefined && { cursor: after }) };
};
