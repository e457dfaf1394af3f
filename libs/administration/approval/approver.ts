// Who may let an email go that needs an approval: an administrator with another hand than whoever sent or corrected it.
import { isApproved } from '../../mail/email/approval';
import type { StoredEmail } from '../../mail/email/stored-email';
import { Problem } from '../../mail/input/problem';
import type { Hand } from '../../mail/settings/api-key';
import type { EmailRecord } from '../../jobs/layout/email-record';

const refusal = (why: string): Problem => new Problem('approval-needed', `this email waits for an approval: ${why}`);

/**
 * Letting go what needs an approval is to approve it.
 * @returns whether the email needs one; where it does, the subject may give it
 * @throws Problem `approval-needed`
 */
export const requireApprover = ({
  record: { email },
  hand,
}: {
  record: Pick<EmailRecord, 'email'>;
  hand?: Hand;
}): boolean => {
  const { needsApproval } = email;
  if (needsApproval === undefined || isApproved(email)) return false;
  if (hand?.approves !== true)
    throw refusal('an administrator has to release it, with a key that neither sent nor corrected it');
  const own = needsApproval.involved.find((one) => one.hand === hand.id);
  if (own === undefined) return true;
  throw refusal(
    `it was sent or corrected by ${own.by}, whose key is yours, issued yours, or goes back to the same key: another administrator has to release it`,
  );
};

/**
 * To be asked before an email is changed and let go in one step: nobody else would have seen it as it is sent.
 * @throws Problem `approval-needed`
 */
export const requireSeen = (after: StoredEmail): void => {
  if (isApproved(after)) return;
  throw refusal(
    'who corrects it cannot let it go in the same step: correct it, then another administrator releases it',
  );
};
