// What a person may not ask for, in words: by the state that an email is in, and by what a transition answers.
import type { EmailRecord } from '../jobs/layout/email-record';
import type { Refusal } from '../jobs/layout/layout';
import { isWiped } from '../mail/email/stored-email';
import { ALLOWED, type Action } from '../mail/email/state';
import { notFound, Problem } from '../mail/input/problem';

type Known = Pick<EmailRecord, 'id' | 'state'>;

const REFUSALS: Record<Exclude<Refusal, 'missing'>, [code: string, text: string]> = {
  sending: ['email-sending', 'an attempt to send this email is running: wait for its end, then look again'],
  sent: ['email-finished', 'this email was sent: it cannot be changed any more, but sent again (resend)'],
  'wrong-state': ['email-state', 'this email came into another state meanwhile: look at it again, then decide'],
  changed: ['version-mismatch', 'this email was changed by somebody else meanwhile: read it again, then decide'],
};

/** @param refusal of a transition */
export const refuse = (refusal: Refusal, { id }: Known): Problem => {
  if (refusal === 'missing') return notFound(`email ${id}`);
  const [code, text] = REFUSALS[refusal];
  return new Problem(code, text);
};

/** @throws Problem where a transition was refused */
export const insist = (refusal: Refusal | undefined, record: Known): void => {
  if (refusal !== undefined) throw refuse(refusal, record);
};

/** What says more than that the state does not allow it. */
const ONLY: Partial<Record<Action, string>> = {
  resolve: 'it is not uncertain: there is nothing to resolve',
  resend: 'only what was sent can be sent again; release it instead',
};

/** By the setting `contentDays`. */
export const contentWiped = (): Problem =>
  new Problem('content-wiped', 'what this email said was wiped some days after its end (contentDays): send it anew');

/** What needs what the email says. */
const NEEDS_CONTENT: readonly Action[] = ['correct', 'release', 'resend'];

/**
 * Refuses what the table of states (libs/mail/email/state.ts) does not allow, before anything is written.
 * @throws Problem `email-sending`, `email-finished`, `email-state`, `confidential`, `content-wiped`
 */
export const requireAllowed = (action: Action, record: Known & Pick<EmailRecord, 'email'>): void => {
  const { state } = record;
  if (ALLOWED[action].includes(state)) {
    if (!NEEDS_CONTENT.includes(action) || !isWiped(record.email)) return;
    if (record.email.contentWiped === true) throw contentWiped();
    const text = `this email is confidential: what it said was wiped when it was ${state}; send it anew`;
    throw new Problem('confidential', text);
  }
  const only = ONLY[action];
  if (only === undefined && (state === 'sending' || state === 'sent')) throw refuse(state, record);
  const why =
    only ??
    (state === 'canceled' ? 'that is for good' : 'in that state this cannot be done (docs/lifecycle.md says what can)');
  throw new Problem('email-state', `this email is ${state}: ${why}`);
};
