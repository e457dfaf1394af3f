// What the content store cannot do now, as a problem that a client understands.
import { Problem } from '../mail/input/problem';
import { ContentMissing, ContentStoreAway, ContentStoreFull } from './store-fault';

/** Where the store lies is for the log and `/readyz`, not for every client. @returns undefined for any other fault */
export const contentProblem = (error: unknown): Problem | undefined => {
  if (error instanceof ContentStoreFull) {
    const text =
      'the content store has no room for these bytes: nothing of this request was accepted; try again later, with the same Idempotency-Key if you gave one, and tell the operator';
    return new Problem('storage-full', text);
  }
  if (error instanceof ContentStoreAway) {
    const text = 'the content store does not answer: try again, with the same Idempotency-Key if you gave one';
    return new Problem('unavailable', text);
  }
  return error instanceof ContentMissing ? new Problem('content-missing', error.message) : undefined;
};
