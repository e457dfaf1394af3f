// The record of one attempt: each step takes it and gives it back with what it learned, or with the outcome that ends it.
import type { ContentReader } from '../../../../libs/content/store';
import type { Address } from '../../../../libs/mail/address/address';
import type { Attempt, Encryption, Outcome, Reply } from '../../../../libs/mail/email/outcome';
import type { ResolvedSettings } from '../../../../libs/mail/settings/settings';
import type { StoredAttachment, StoredRaw } from '../../../../libs/mail/email/stored-email';
import type { Lease } from '../../../../libs/jobs/transitions/lease';
import type { Marks } from '../../../../libs/jobs/transitions/hand-over-journal';
import type { OpenTransport } from '../../../../libs/send/smtp/connections';
import type { Message } from '../../../../libs/send/message/message';
import type { Span } from '../../../../libs/runtime/telemetry/tracing';
import type { AttemptAdmission } from './admission';
import type { AttemptSpool } from './attempt-spool';
import type { Transcript } from '../../../../libs/mail/smtp/transcript';

/** An attempt as it begins. `admission` and `spool` are owned by `attempt.ts`, which gives both back at its end. */
export interface OpenAttempt {
  lease: Lease;
  settings: ResolvedSettings;
  /** What earlier attempts left behind. */
  marks: Marks;
  /** What is said of recipients that are left out of this attempt, for being on the tenant's suppression list. */
  suppressed: readonly Reply[];
  /** ISO 8601 */
  startedAt: string;
  admission: AttemptAdmission;
  /** Where the documents lie that this attempt fetched. */
  spool: AttemptSpool;
  /** It goes by the fallback of the transport that it would go by; `settings` name the one that it goes by. */
  fallback?: Attempt['fallback'];
  /** Of the trace, where there is one. */
  span: Span;
  /** The SMTP dialogue so far; only heard where the `log` setting asks for it. */
  dialogue: Transcript;
}

/** Its transport is known, and lets it try. */
export interface AdmittedAttempt extends OpenAttempt {
  transport: OpenTransport;
}

/** Everything that the message is made of, besides the email itself. */
export interface Inputs {
  from: Address;
  /** The object of `dataUrl`. */
  data?: Record<string, unknown>;
  /** All attachments, each with its type; those that were fetched are in `content` like the others. */
  attachments: StoredAttachment[];
  content: ContentReader;
}

/** Everything that its message is made of is at hand. */
export interface ResolvedAttempt extends AdmittedAttempt {
  inputs: Inputs;
}

/** Its message can be handed over. */
export interface ComposedAttempt extends ResolvedAttempt {
  message: Message;
  /** Of the template that it was made from. */
  templateVersion?: number;
  /** How the connection that it went by was encrypted. */
  tls?: Encryption;
  /** What an archive says of the message. */
  facts: Pick<StoredRaw, 'from' | 'authors' | 'subject' | 'messageId'>;
  /** As it is kept in the content store, where it is. */
  kept?: StoredRaw;
}

/** It has its outcome, whichever step it came from. */
export interface EndedAttempt extends OpenAttempt {
  outcome: Outcome;
  templateVersion?: number;
  tls?: Encryption;
  /** Of its message, where it was made. */
  facts?: ComposedAttempt['facts'];
  /** Its transport could not be used: its server has heard nothing of the email. */
  isUnheard?: boolean;
  /** It was sent or erased before, and came back: it is removed once more, and leaves no line in its history. */
  removedAgain?: true;
}

/** Ends an attempt at whatever step it is. */
export const endAttempt = (attempt: OpenAttempt & { templateVersion?: number }, outcome: Outcome): EndedAttempt => ({
  ...attempt,
  outcome,
});

export const hasEnded = (attempt: OpenAttempt | EndedAttempt): attempt is EndedAttempt => 'outcome' in attempt;
