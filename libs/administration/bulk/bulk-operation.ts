// An operation on many emails as it is kept: where, on which of them, and what.
import type { z } from 'zod';
import type { State } from '../../mail/email/state';
import type { EmailFilter } from '../../jobs/read/list';
import type { BulkAction, BulkFilter } from './bulk-input';
import type { ReplaceInput } from './bulk-replace';

/** Where an operation takes place: one queue, or all of a tenant. */
export type BulkPlace = { tenant: string; application?: string };

/** Emails to act on, as an operation keeps it. Times in ms since 1970. */
export interface BulkFilterKept extends Omit<EmailFilter, 'state'> {
  /** One state in operations of older versions. */
  state?: State | State[] | undefined;
}

/**
 * @param now what is accepted later, while the operation runs, is not part of it; ms since 1970
 * @throws Problem `invalid` where nobody can be found so
 */
export const keptFilter = (filter: z.infer<typeof BulkFilter> | undefined, now: number): BulkFilterKept => {
  const { since, until, recipient, ...rest } = filter ?? {};
  return {
    ...rest,
    ...(recipient !== undefined && { recipient }),
    until: Math.min(until === undefined ? now : Date.parse(until), now),
    ...(since !== undefined && { since: Date.parse(since) }),
  };
};

/** What lists can filter by themselves; of several states each email is asked (`isAsked`). */
export const listedBy = ({ state, ...rest }: BulkFilterKept): EmailFilter => {
  const [only, ...others] = [state ?? []].flat();
  return only === undefined || others.length > 0 ? rest : { ...rest, state: only };
};

export const isAsked = ({ state }: BulkFilterKept, found: State | undefined): boolean =>
  state === undefined || (found !== undefined && [state].flat().includes(found));

/** What an operation does, as it is kept. */
export interface BulkOperation {
  id: string;
  address: BulkPlace;
  /** Of a tenant's operation: its queues when it began. */
  applications?: string[];
  filter: BulkFilterKept;
  action: BulkAction;
  as?: 'sent' | 'resend' | 'failed';
  patch?: Record<string, unknown>;
  replace?: ReplaceInput;
  dryRun: boolean;
  by: string;
}
