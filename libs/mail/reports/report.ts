// What comes back of an email after a server took it: who did not get it, who complained, and what counts as a hard bounce.

/** What may become of a recipient after an email was sent. */
export const REPORTED = ['bounced', 'complained', 'delivered', 'delayed'] as const;
export type ReportedKind = (typeof REPORTED)[number];

/** What a report says of one recipient. */
export interface RecipientReport {
  kind: Exclude<ReportedKind, 'complained'>;
  /** Addresses that it is named by: as it was in the envelope first, then as it was at the end; none where nobody is named. */
  recipients: string[];
  /** The address that it failed at is another one, behind that of the email. */
  isForwarded?: boolean;
  /** Enhanced status code (RFC 3463), like `5.1.1`. */
  status?: string;
  /** The words of the server that would not have it. */
  diagnostic?: string;
}

/** A message that came back, understood. */
export type Report =
  | { kind: 'delivery-status'; recipients: RecipientReport[] }
  | {
      kind: 'complaint';
      /** `abuse`, `fraud` and the like (RFC 5965 7.3). */
      feedbackType: string;
      /** Who complained, where that is told. */
      recipients: string[];
    }
  /** Out of office and the like (RFC 3834): it says nothing of the delivery. */
  | { kind: 'auto-reply' }
  /** Nothing that tells of a delivery. */
  | { kind: 'other' };

/** As it is kept with the email. */
export interface ReportedRecipient {
  /** As in the email. */
  recipient: string;
  status?: string;
  diagnostic?: string;
  /** When the report came, ISO 8601. */
  at: string;
}

/** Statuses of RFC 3463 that say for good that there is no such mailbox. */
const NO_MAILBOX = new Set(['5.1.1', '5.1.2', '5.1.3', '5.1.6', '5.1.10', '5.2.1']);
/** Statuses that say little: the words decide. 5.4.1 is Exchange Online's for addresses that its directory lacks. */
const SAYS_LITTLE = new Set(['', '5.0.0', '5.1.0', '5.2.0', '5.3.0', '5.4.1', '5.5.0', '5.5.4', '5.6.0']);
/** Of a mailbox that is there, or a sender that is not wanted. */
const NOT_THE_MAILBOX =
  /quota|\bfull\b|exceed|\brate\b|too (?:many|much|fast)|spam|block|black|reputation|polic|denied by|try again|grey|temporar|virus|content|authenticat|\bspf\b|dkim|dmarc|sender/i;
const MAILBOX_UNKNOWN =
  /(?:user|mailbox|recipient|address|account|addressee|alias)(?: \S+){0,4}? (?:is |was |are )?(?:unknown|not found|not exist|does ?n[o']t exist|not known|invalid|disabled|inactive|unavailable for good|not listed|no longer)|(?:unknown|invalid|no such|non-?existent|nonexistent|bad|unrouteable|unroutable|undeliverable) (?:local )?(?:user|mailbox|recipient|address|account|addressee|destination)|no mailbox (?:here )?by that name|does(?: not|n't) (?:exist|have an?)|recipient ?(?:address rejected|notfound|not ?found)|host or domain name not found|no such (?:domain|person)|user doesn't have/i;

/**
 * Does it say for good that there is no such mailbox? Anything else may pass: a full mailbox, a filter, a server that is away.
 * @param report of a recipient
 */
export const isHardBounce = ({ kind, status = '', diagnostic = '' }: Omit<RecipientReport, 'recipients'>): boolean => {
  if (kind !== 'bounced' || (status !== '' && !status.startsWith('5.'))) return false;
  // Without a status the reply code in the words says whether it is for good.
  if (status === '' && /^\W*4\d\d\b/.test(diagnostic)) return false;
  if (NO_MAILBOX.has(status)) return !NOT_THE_MAILBOX.test(diagnostic);
  if (!SAYS_LITTLE.has(status)) return false;
  return MAILBOX_UNKNOWN.test(diagnostic) && !NOT_THE_MAILBOX.test(diagnostic);
};
