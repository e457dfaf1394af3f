// What ends an attempt before a server is asked: marks that earlier ones left, its time, its format.
import type { Outcome } from '../../libs/mail/outcome';
import { dueAt, EMAIL_FORMAT } from '../../libs/mail/stored-email';
import type { Lease } from '../../libs/queue/email-worker';
import type { Marks } from '../../libs/queue/marks';

/** An email that took its worker down so often is put aside: the next one would be the sixth. */
const MOST_CRASHES = 5;
/** A worker that vanished while handing over may still have a `sent` under way; as long as its lock could live. */
const QUARANTINE_MS = 15_000;
/** An email of another version of the service waits for a worker of that version, and is asked for again after this. */
const OTHER_FORMAT_MS = 60_000;

/** @param now ms since 1970 */
export const beforehand = (lease: Lease, marks: Marks, now: number): Outcome | undefined => {
  if (lease.email.v !== EMAIL_FORMAT) {
    return {
      kind: 'throttled',
      text: `its format ${String(lease.email.v)} is of another version of the service`,
      until: now + OTHER_FORMAT_MS,
    };
  }
  if (marks.sent !== undefined)
    return { kind: 'sent', replies: marks.sent.replies, recipients: { accepted: [], refused: [], deferred: [] } };
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
  // Its own time only: when it was accepted is told by another process' clock.
  const due = dueAt(lease.email, 0);
  if (due > now) return { kind: 'throttled', text: 'its time has not come', until: due };
  if (Date.parse(lease.email.expiresAt) <= now)
    return { kind: 'expired', text: `was not sent before ${lease.email.expiresAt}` };
  return undefined;
};
