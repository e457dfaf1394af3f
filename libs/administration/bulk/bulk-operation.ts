// An operation on many emails as it is kept: where, on which of them, and what.
import type { z } from 'zod';
import type { EmailFilter } from '../../jobs/read/email-filter';
import type { BulkAction, BulkFilter } from './bulk-input';
import { toFilter } from '../filter-input';
import type { ReplaceInput } from './bulk-replace';
import type { Hand } from '../../mail/settings/api-key';

/** Where an operation takes place: one queue, or all of a tenant. */
export type BulkPlace = { tenant: string; application?: string };

/**
 * @param now what is accepted later, while the operation runs, is not part of it; ms since 1970
 * @throws Problem `invalid` where nobody can be found so
 */
export const keptFilter = (filter: z.infer<typeof BulkFilter> | undefined, now: number): EmailFilter => {
  const read = toFilter(filter ?? {});
  return { ...read, until: Math.min(read.until ?? now, now) };
};

/** What an operation does, as it is kept. */
export interface BulkOperation {
  id: string;
  address: BulkPlace;
  /** Of a tenant's operation: its queues when it began. */
  applications?: string[];
  /** Emails to act on. */
  filter: EmailFilter;
  action: BulkAction;
  as?: 'sent' | 'resend' | 'failed';
  patch?: Record<string, unknown>;
  replace?: ReplaceInput;
  dryRun: boolean;
  by: string;
  /** Whose hand that is, for approvals. */
  hand?: Hand;
}
