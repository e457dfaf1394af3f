// Takes an email where its queue's rate and transport let another one out; who waits for what is in use is called when it is free.
import type { QueueAddress } from '../mail/address/queue-address';
import type { Clock } from '../runtime/clock';
import type { Redis } from '../store/redis/redis';
import { RATE, type Admission, type Refusal } from '../store/limits/transport-limits';
import { createTokens, takeEmail, type Lease, type LeaseEnd } from '../jobs/transitions/lease';
import type { EmailQueue } from '../jobs/layout/queues';
import { createConnectionWaiters } from './connection-waiters';

export type Claim =
  | { kind: 'taken'; lease: Lease; end: (reason: LeaseEnd) => void; admission: Admission }
  | { kind: 'empty' }
  /** A rate or a limit holds the queue until then (ms since 1970). */
  | { kind: 'stopped'; until: number };

/**
 * @param deps.admit the right to one attempt in this queue, asked for before an email is taken; or when to ask again
 * @param deps.call wakes a queue by its name
 * @returns takes one email out of a queue; whoever gets its admission ends or cancels it when the attempt is over
 */
export const createClaim = (deps: {
  redis: Redis;
  admit: (address: QueueAddress) => Promise<Admission | Refusal>;
  clock: Clock;
  replica: string;
  call: (queue: string) => void;
}): ((queue: EmailQueue) => Promise<Claim>) => {
  const line = createConnectionWaiters(deps.call);
  const nextToken = createTokens(deps.replica);

  return async (queue) => {
    const lineOf = (full: string): string =>
      full === RATE ? `${queue.name}/${RATE}` : `${queue.address.tenant}/${full}`;
    const answer = await deps.admit(queue.address);
    if ('until' in answer) {
      if (answer.full !== undefined) line.join(lineOf(answer.full), queue.name);
      return { kind: 'stopped', until: answer.until };
    }
    let isHeld = true;
    const giveBack = (way: 'end' | 'cancel') => (): void => {
      answer[way]();
      // Whoever gives it back twice has freed one.
      if (!isHeld) return;
      isHeld = false;
      line.next(lineOf(answer.transport));
      line.next(lineOf(RATE));
    };
    const admission = { ...answer, end: giveBack('end'), cancel: giveBack('cancel') };
    try {
      const taken = await takeEmail(deps.redis, queue, nextToken());
      if (taken.email !== undefined) return { kind: 'taken', lease: taken.email, end: taken.end, admission };
      admission.cancel();
      return { kind: 'empty' };
    } catch (error) {
      admission.cancel();
      throw error;
    }
  };
};
