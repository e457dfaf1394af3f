// Operations on many emails as the console begins them and adds them up: one for each tenant or queue.
import { setTimeout as pause } from 'node:timers/promises';
import type { z } from 'zod';
import { Problem } from '../../../../../libs/mail/input/problem';
import type { OperationList } from '../../../answers/operations';
import type { Visit } from '../../page/page';
import { readQuery } from '../../query/read-query';
import { bulkBody, type Order } from './order';

export type Operation = z.infer<typeof OperationList>['operations'][number];
export type Example = NonNullable<Operation['examples']>[number] & { tenant: string };
export type Noted = Operation['errors'][number] & { tenant: string };

/** How long a page waits for an operation before it shows how far it is. */
const WAIT_MS = 2_000;
const LOOK_MS = 50;
const EXAMPLES = 5;

/** @throws Problem where words of the filter were not understood: without them it would mean more emails */
const requireUnderstood = (visit: Visit, order: Order): void => {
  const [fault] = readQuery(order.q, order.asOf).faults;
  if (fault === undefined) return;
  throw new Problem('invalid', visit.say(`query.${fault.why}`, { word: fault.word, known: fault.known.join(', ') }));
};

/** @returns the ids of the operations, one for each place. @throws Problem as the API refuses it */
export const beginOperations = async (visit: Visit, order: Order, dryRun: boolean): Promise<string[]> => {
  requireUnderstood(visit, order);
  if (order.places.length === 0) throw new Problem('invalid', visit.say('bulk.pick'));
  const ids: string[] = [];
  for (const { tenant, application } of order.places) {
    const params = { tenant, ...(application !== undefined && { application }) };
    const id = application === undefined ? 'beginTenantBulk' : 'beginQueueBulk';
    ids.push((await visit.ask<{ id: string }>(id, { params, body: bulkBody(order, dryRun) })).id);
  }
  return ids;
};

export const readOperations = async (visit: Visit, ids: string[]): Promise<Operation[]> =>
  Promise.all(ids.map((id) => visit.ask<Operation>('getOperation', { params: { id } })));

export const isOver = ({ state }: Operation): boolean => state === 'done' || state === 'failed';

/** Waits for a moment: most operations are over then. */
export const waitFor = async (visit: Visit, ids: string[]): Promise<void> => {
  for (let waited = 0; waited < WAIT_MS; waited += LOOK_MS) {
    if ((await readOperations(visit, ids)).every(isOver)) return;
    await pause(LOOK_MS);
  }
};

export interface Sum {
  over: boolean;
  matched: number;
  changed: number;
  skipped: number;
  failed: number;
  errors: Noted[];
  skips: Noted[];
  examples: Example[];
}

/** What several operations did, or would do, together. */
export const sumOf = (operations: Operation[]): Sum => {
  const total = (name: 'matched' | 'changed' | 'skipped' | 'failed'): number =>
    operations.reduce((sum, operation) => sum + operation[name], 0);
  const noted = (name: 'errors' | 'skips'): Noted[] =>
    operations.flatMap(({ tenant, [name]: some }) => some.map((one) => ({ ...one, tenant })));
  return {
    over: operations.every(isOver),
    matched: total('matched'),
    changed: total('changed'),
    skipped: total('skipped'),
    failed: total('failed'),
    errors: noted('errors'),
    skips: noted('skips'),
    examples: operations
      .flatMap(({ tenant, examples = [] }) => examples.map((example) => ({ ...example, tenant })))
      .slice(0, EXAMPLES),
  };
};
