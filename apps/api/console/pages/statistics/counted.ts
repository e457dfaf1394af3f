// Statistics of many queues take a while: they are read once for all who see the same, and shown when they are there.
import { shareReading, type Reading } from '../../../../../libs/administration/overview/shared-reading';
import { systemClock } from '../../../../../libs/runtime/clock';
import type { Visit } from '../../page/page';
import { askStatistics, type Statistics } from './asked';

/** A page waits so long; then it says that it is being counted. ms */
const PATIENCE_MS = 50;
/** Different statistics that are remembered. */
const MOST = 100;

interface Shared {
  /** Who asked last: it is read on behalf of somebody who may see it now. */
  visit: Visit;
  read: (patience: number) => Promise<Reading<Statistics> | undefined>;
}

const known = new Map<string, Shared>();

const share = (visit: Visit): Shared => {
  const shared: Shared = { visit, read: shareReading(() => askStatistics(shared.visit), systemClock.now) };
  return shared;
};

/** @returns undefined where they are being counted for the first time @throws Problem as the API answers it */
export const readShared = (visit: Visit): Promise<Reading<Statistics> | undefined> => {
  const { identity, query } = visit;
  const { role, tenant, application } = identity;
  const { by, group, place, since, until } = query;
  const name = JSON.stringify([role === 'operator', tenant, application, by, group, place, since, until]);
  const shared = known.get(name) ?? share(visit);
  shared.visit = visit;
  // Those that were asked for last stay.
  known.delete(name);
  known.set(name, shared);
  const [oldest] = known.keys();
  if (known.size > MOST && oldest !== undefined) known.delete(oldest);
  return shared.read(PATIENCE_MS);
};
