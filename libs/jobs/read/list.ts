// Pages of a queue's emails, newest first, filtered; a page costs a bounded amount of work however much there is.
import { createReadMatching, type EmailFilter, type FilterDeps } from './email-filter';
import { sourceOf } from './sources';
import type { EmailRecord } from '../layout/email-record';
import type { EmailQueue } from '../layout/queues';

export interface Page {
  emails: EmailRecord[];
  /** Where the next page begins; missing where there is none. */
  cursor?: string;
}

export interface PageOptions {
  limit: number;
  /** From the page before, as it was given. */
  cursor?: string | undefined;
  /** ms since 1970; states may depend on it. */
  now: number;
}

/** Emails that one page may look at; a filtered page may be short and still have a cursor (docs/api.md). */
export const MOST_READ = 1_000;
const [SMALLEST_CHUNK, LARGEST_CHUNK] = [10, 200];

/** What a page looks at first: what it needs if everything matches. A filter that finds little reads on in larger steps. */
export const firstChunk = (limit: number): number => Math.max(SMALLEST_CHUNK, Math.min(limit, LARGEST_CHUNK));
export const NEXT_CHUNK = LARGEST_CHUNK;

/** @throws Problem `invalid` where the filter cannot be answered */
export const listEmails = async (
  deps: FilterDeps,
  queue: EmailQueue,
  filter: EmailFilter,
  { limit, cursor, now }: PageOptions,
): Promise<Page> => {
  const source = await sourceOf(deps.redis, queue, filter, now);
  const readMatching = createReadMatching(deps, filter);
  const emails: EmailRecord[] = [];
  let after = cursor;
  let chunk = firstChunk(limit);
  for (let read = 0; read < MOST_READ; read += chunk) {
    if (read > 0) chunk = NEXT_CHUNK;
    const { entries, next } = await source(after, chunk);
    const records = await readMatching(
      queue,
      entries.map(({ id }) => id),
    );
    for (const [index, entry] of entries.entries()) {
      after = entry.cursor;
      const record = records[index];
      if (record === undefined) continue;
      emails.push(record);
      if (emails.length === limit) return { emails, cursor: entry.cursor };
    }
    if (next === undefined) return { emails };
    after = next;
  }
  return { emails, ...(after !== undefined && { cursor: after }) };
};
