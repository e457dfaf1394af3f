// What ends an attempt before a server is asked: marks that earlier ones left, its time, its format.
import type { Outcome } from '../../libs/mail/email/outcome';
import { EMAIL_FORMAT, recipientsOf } from '../../libs/mail/email/stored-email';
import type { Lease } from '../../libs/jobs/transitions/lease';
import type { Marks } from '../../libs/jobs/transitions/hand-over-journal';

/** An email that took its worker down so often is put aside: the next one would be the sixth. */
const MOST_CRASHES = 5;
/** A worker that vanished while handing over may still have a `sent` under way; as long as its lock could live. */
const QUARANTINE_MS = 15_000;
/** An email of another version of the service waits for a worker of that version, and is asked for again after this. */
const OTHER_FORMAT_MS = 60_000;

/**
 * By the time at which it was taken, which Redis gave. Whether its own time has come is not asked again: BullMQ says so,
 * and somebody may have promoted it (docs/operations.md, "Other BullMQ clients").
 */
export const beforehand = (lease: Lease, marks: Marks): Outcome | undefined => {
  const now = lease.takenAt;
  if (lease.email.v !== EMAIL_FORMAT) {
    return {
      kind: 'throttled',
      text: `its format ${String(lease.email.v)} is of another version of the service`,
      until: now + OTHER_FORMAT_MS,
    };
  }
  if (recipientsOf(lease.email).length === 0) {
    return {
      kind: 'refused',
      code: 'message-invalid',
      text: 'this job holds no email: another BullMQ client added or changed it, which only the API may do',
      replies: [],
    };
  }
  if (marks.sent !== undefined)
    return { kind: 'sent', replies: marks.sent.replies, recipients: { accepted: [], refused: [], deferred: [] } };
  if (lease.canceled) return { kind: 'canceled', text: 'canceled before, and put back by another BullMQ client' };
  if (marks.intentAt !== undefined) {
    if (marks.intentAt + QUARANTINE_MS > now) {
      return {
        kind: 'throttled',
        text: 'a worker vanished while handing it over',
        until: marks.intentAt + QUARANTINE_MS,
      };
    }
    return {
      kind: 'uncertain',
      text: 'a worker vanished while handing it over: the server may have taken it',
      replies: [],
    };
  }
  if (lease.crashes >= MOST_CRASHES) {
    return {
      kind: 'refused',
      code: 'held',
      text: `took its worker down ${lease.crashes} times: look at it, then release it`,
      replies: [],
    };
  }
  if (Date.parse(lease.email.expiresAt) <= now)
    return { kind: 'expired', text: `was not sent before ${lease.email.expiresAt}` };
  return undefined;
};
