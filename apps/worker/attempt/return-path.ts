// The return path of a message: the address of its transport's, with the tag of the email.
import { taggedAddress, type ReturnPath } from '../../../libs/mail/reports/return-path';
import type { Clock } from '../../../libs/runtime/clock';
import type { Envelope } from '../../../libs/send/smtp/transmit';
import type { createTagMaker } from '../../../libs/store/reports/tag-keys';
import type { ComposedAttempt } from './record/attempt-steps';

export interface ReturnPathDeps {
  clock: Clock;
  makeTag: ReturnType<typeof createTagMaker>;
}

/** @returns undefined where there is no tag, as for a queue that has no number yet: not to send the email would be worse */
export const tagged = async (
  { clock, makeTag }: ReturnPathDeps,
  { lease }: ComposedAttempt,
  returnPath: ReturnPath,
): Promise<Omit<Envelope, 'to'> | undefined> => {
  const tag = await makeTag(lease.queue.name, lease.id, clock.now());
  return tag === undefined ? undefined : { from: taggedAddress(returnPath, tag), envelopeId: lease.id };
};
