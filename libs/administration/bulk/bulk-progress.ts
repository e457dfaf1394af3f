// How far an operation on many emails has come.
import type { OperationKind } from '../../internal-queues/operations';
import type { BulkOperation } from './bulk-operation';

/** An email that was not changed, and why. */
export interface Noted {
  id: string;
  /** The application that its queue belongs to. */
  application: string;
  code: string;
  detail: string;
}

/** What an email is, and what would become of it. */
export interface Example {
  id: string;
  application: string;
  before: Record<string, unknown>;
  after: Record<string, unknown>;
}

/** What has become of an operation; kept with it, so that whoever continues knows where. */
export interface Progress {
  /** Emails that the filter found. */
  matched: number;
  /** Changed, or to be changed where nothing is done yet. */
  done: number;
  /** There was nothing to be done. */
  skipped: number;
  failed: number;
  /** The first of those that could not be changed, and of those that were skipped. */
  errors: Noted[];
  skips: Noted[];
  /** Only where nothing is done yet. */
  examples: Example[];
  /** How many of its queues are done with. */
  queues: number;
  /** Where the list of the present queue goes on. */
  cursor?: string | undefined;
  /** Of the emails after the cursor: the one that is being changed, and those that were passed over. */
  current?: string | undefined;
  passed: string[];
}

const NOTHING_YET: Progress = {
  matched: 0,
  done: 0,
  skipped: 0,
  failed: 0,
  errors: [],
  skips: [],
  examples: [],
  queues: 0,
  passed: [],
};

export const BULKS: OperationKind<BulkOperation, Progress> = {
  name: '_operations',
  nothingYet: NOTHING_YET,
  tries: 20,
};
