// Who of an email's recipients is left: not those that are done with, nor those on the tenant's suppression list.
import type { RecipientsDone, Reply } from '../../../libs/mail/email/outcome';
import { recipientsOf } from '../../../libs/mail/email/stored-email';
import { everybodyDone } from '../../../libs/mail/smtp/classify-answer';
import { suppressedReply } from '../../../libs/mail/suppressions/suppression';
import { envelopeAddress } from '../../../libs/send/message/message';
import type { Suppressions } from '../../../libs/store/suppressions/registry';
import { endAttempt, type AdmittedAttempt, type EndedAttempt, type OpenAttempt } from './record/attempt-steps';

export interface SplitRecipients {
  /** Addresses of the envelope. */
  tried: string[];
  /** Recipients of the email that nothing is to be done for in this attempt. */
  done: RecipientsDone;
}

const addressOf = ({ recipient = '' }: Reply): string => recipient;

/** Who is left, and who of the email's recipients is not: a correction may have taken some away that were done with. */
export const splitRecipients = ({
  lease,
  marks,
  suppressed,
}: Pick<OpenAttempt, 'lease' | 'marks' | 'suppressed'>): SplitRecipients => {
  const all = [...new Set(recipientsOf(lease.email).map(envelopeAddress))];
  const done = {
    accepted: marks.done.accepted.filter((address) => all.includes(address)),
    refused: [...marks.done.refused, ...suppressed].filter((reply) => all.includes(addressOf(reply))),
  };
  const doneWith = [...done.accepted, ...done.refused.map(addressOf)];
  return { tried: all.filter((address) => !doneWith.includes(address)), done };
};

const NOBODY_LEFT = 'every recipient is on the suppression list of the tenant';

/**
 * Leaves out who is suppressed now; it is asked again at each attempt, so what is put on the list or taken off it counts at the next one.
 * An attempt with nobody left ends here, before anything is fetched or said to a server.
 */
export const leaveOutSuppressed = async (
  { suppressions }: { suppressions: Pick<Suppressions, 'find'> },
  attempt: AdmittedAttempt,
): Promise<AdmittedAttempt | EndedAttempt> => {
  const { lease, settings } = attempt;
  // A redirected email goes to none of them.
  if (settings.suppressions === 'ignore' || settings.redirectTo !== undefined) return attempt;
  const before = splitRecipients(attempt);
  const found = await suppressions.find(lease.queue.address.tenant, before.tried);
  if (found.length === 0) return attempt;
  const suppressed = found.map(({ address, suppression }) => suppressedReply(address, suppression));
  const without = { ...attempt, suppressed };
  const { tried, done } = splitRecipients(without);
  if (tried.length > 0) return without;
  const said = done.refused.map((one) => `${addressOf(one)}: ${one.code || ''} ${one.text}`.replace(':  ', ': '));
  const outcome = everybodyDone(done.accepted, done.refused, suppressed, `not accepted for ${said.join('; ')}`);
  const isOnlyThat = before.done.accepted.length + before.done.refused.length === 0;
  return endAttempt(
    without,
    isOnlyThat && outcome.kind === 'refused' ? { ...outcome, code: 'suppressed', text: NOBODY_LEFT } : outcome,
  );
};
