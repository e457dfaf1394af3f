// Which queues are asked for, and in which order.
import type { State } from '../../../../../libs/mail/email/state';
import type { Visit } from '../../page/page';
import type { Queue } from './standing';

export const tally = (queue: Queue, ...states: State[]): number =>
  states.reduce((sum, state) => sum + (queue.counts[state] ?? 0), 0);
const waiting = (queue: Queue): number => tally(queue, 'scheduled', 'queued', 'deferred', 'sending');
const due = (queue: Queue): string => queue.oldestDueAt ?? '9';
export const nameOf = ({ tenant, application }: Queue): string => `${tenant}/${application}`;

export const ONLY: Record<string, (queue: Queue) => boolean> = {
  all: () => true,
  trouble: (queue) => queue.paused || queue.breaker !== 'closed' || tally(queue, 'failed', 'uncertain', 'expired') > 0,
  paused: ({ paused }) => paused,
  failed: (queue) => tally(queue, 'failed') > 0,
  late: ({ oldestDueAt }) => oldestDueAt !== undefined,
};
export const SORT: Record<string, (a: Queue, b: Queue) => number> = {
  name: () => 0,
  failed: (a, b) => tally(b, 'failed') - tally(a, 'failed'),
  waiting: (a, b) => waiting(b) - waiting(a),
  oldest: (a, b) => (due(a) < due(b) ? -1 : due(a) > due(b) ? 1 : 0),
};
/** The name that is asked for, else the first. */
export const chosen = <T>(all: Record<string, T>, name: string | undefined): string =>
  name !== undefined && Object.hasOwn(all, name) ? name : (Object.keys(all)[0] ?? '');

/** Those of the filter, in the order that is asked for; by name where that says nothing. */
export const select = (query: Visit['query'], queues: Queue[]): Queue[] => {
  const part = (query['name'] ?? '').trim().toLowerCase();
  const isAsked = ONLY[chosen(ONLY, query['only'])] ?? (() => true);
  const byOrder = SORT[chosen(SORT, query['sort'])] ?? (() => 0);
  const byName = (a: Queue, b: Queue): number => (nameOf(a) < nameOf(b) ? -1 : 1);
  return queues
    .filter((queue) => nameOf(queue).includes(part) && isAsked(queue))
    .sort((a, b) => byOrder(a, b) || byName(a, b));
};
