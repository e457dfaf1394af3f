// What ends an attempt before a server is asked: marks that earlier attempts left, its time, its format.
import { isApproved, WAITS_FOR_APPROVAL } from '../../../libs/mail/email/approval';
import type { Outcome } from '../../../libs/mail/email/outcome';
import { EMAIL_FORMAT, recipientsOf, SEALED_FORMAT, WIPED_FORMAT } from '../../../libs/mail/email/stored-email';
import type { Lease } from '../../../libs/jobs/transitions/lease';
import type { Marks } from '../../../libs/jobs/transitions/hand-over-journal';
import { endAttempt, type EndedAttempt, type OpenAttempt } from './record/attempt-steps';

/** An email that took its worker down so often is put aside: the next one would be the sixth. */
const MOST_CRASHES = 5;
/** A worker that vanished while handing over may still have a `sent` under way; as long as its lock could live. */
const QUARANTINE_MS = 15_000;
/** An email of another version of the service waits for a worker of that version, and is asked for again after this. */
const OTHER_FORMAT_MS = 60_000;

/** Sent before, or of no recipient that is left: nothing is said of anybody anew. */
const nobody = () => ({ accepted: [], refused: [], deferred: [] });

/** What the stored email itself says against it. @param now ms since 1970 */
const checkFormat = ({ email }: Lease, now: number): Outcome | undefined => {
  if (![EMAIL_FORMAT, SEALED_FORMAT, WIPED_FORMAT].includes(email.v)) {
    return {
      kind: 'throttled',
      text: `its format ${String(email.v)} is of another version of the service`,
      until: now + OTHER_FORMAT_MS,
    };
  }
  if (recipientsOf(email).length > 0) return undefined;
  return {
    kind: 'refused',
    code: 'message-invalid',
    text: 'this job holds no email: another BullMQ client added or changed it, which only the API may do',
    replies: [],
  };
};

/** What earlier attempts say against it: it was sent, or nobody knows. @param now ms since 1970 */
const checkMarks = ({ sent, intentAt }: Marks, { canceled }: Lease, now: number): Outcome | undefined => {
  if (sent !== undefined) return { kind: 'sent', replies: sent.replies, recipients: nobody() };
  if (canceled) return { kind: 'canceled', text: 'canceled before, and put back by another BullMQ client' };
  if (intentAt === undefined) return undefined;
  const text = 'a worker vanished while handing it over';
  const knownAt = intentAt + QUARANTINE_MS;
  if (knownAt > now) return { kind: 'throttled', text, until: knownAt };
  return { kind: 'uncertain', text: `${text}: the server may have taken it`, replies: [] };
};

/** Crashes and time. @param now ms since 1970 */
const checkLimits = ({ crashes, email }: Lease, now: number): Outcome | undefined => {
  if (crashes >= MOST_CRASHES) {
    const text = `took its worker down ${crashes} times: look at it, then release it`;
    return { kind: 'refused', code: 'held', text, replies: [] };
  }
  if (Date.parse(email.expiresAt) <= now) return { kind: 'expired', text: `was not sent before ${email.expiresAt}` };
  return undefined;
};

/** Whoever put it into line, and whatever stood there before: without its approval it is not sent. */
const checkApproval = ({ email }: Lease): Outcome | undefined =>
  isApproved(email) ? undefined : { kind: 'refused', ...WAITS_FOR_APPROVAL, replies: [] };

/** Removed once more, whatever its history says: it was not accepted a second time. */
const removeAgain = (attempt: OpenAttempt): EndedAttempt => {
  const { settings } = attempt;
  return {
    ...endAttempt(attempt, { kind: 'sent', replies: [], recipients: nobody() }),
    settings: { ...settings, history: { ...settings.history, keep: false } },
    removedAgain: true,
  };
};

/**
 * Checks by the time at which the email was taken, which Redis gave. Whether its own time has come is not asked again: BullMQ
 * says so, and somebody may have promoted it (docs/operations.md, "Other BullMQ clients").
 */
export const preflight = (attempt: OpenAttempt): OpenAttempt | EndedAttempt => {
  const { lease, marks } = attempt;
  const now = lease.takenAt;
  if (marks.gone) return removeAgain(attempt);
  const outcome =
    checkFormat(lease, now) ?? checkMarks(marks, lease, now) ?? checkLimits(lease, now) ?? checkApproval(lease);
  return outcome === undefined ? attempt : endAttempt(attempt, outcome);
};
