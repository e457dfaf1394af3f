// How an attempt ends: the one vocabulary between sending, settling and reporting.
import type { FailureCode } from './failure';

/** What the server said of one recipient, or of the whole message where `recipient` is missing. */
export interface Reply {
  recipient?: string;
  /** SMTP reply code (RFC 5321 4.2), 0 where there was no reply. */
  code: number;
  /** Enhanced status code (RFC 3463) where the server gives one. */
  enhancedCode?: string;
  text: string;
}

/** What became of the recipients of one attempt. Addresses as in the envelope. */
export interface RecipientOutcomes {
  accepted: string[];
  refused: string[];
  deferred: string[];
}

/** Recipients that nothing more is to be done for: taken, or refused for good in these words. */
export interface RecipientsDone {
  accepted: string[];
  refused: Reply[];
}

/** The ending of an attempt. `settle` makes BullMQ's state of it. */
export type Outcome =
  | { kind: 'sent'; replies: Reply[]; recipients: RecipientOutcomes }
  /** Failed for good: by the server, or because of what the email is made of. */
  | { kind: 'refused'; code: FailureCode; text: string; replies: Reply[]; recipients?: RecipientOutcomes }
  /** Failed for now; `retryAfter` (ms) is the server's own wish. */
  | {
      kind: 'deferred';
      text: string;
      replies: Reply[];
      /** The transport itself failed: others suffer too. */
      blame?: 'transport';
      /** The server takes no further connection at present: the email is not at fault, and pays nothing. */
      crowded?: true;
      retryAfter?: number;
      recipients?: RecipientOutcomes;
    }
  /**
   * Could not be tried: a limit, a broken transport, not due. `until` in ms since 1970. No attempt is counted. With `blame` others
   * would fare no better: it is a fault for the transport's breaker.
   */
  | { kind: 'throttled'; text: string; until: number; blame?: 'transport' }
  /** The connection was lost after the message was handed over: nobody knows whether the server took it (RFC 1047). */
  | { kind: 'uncertain'; text: string; replies: Reply[]; blame?: 'transport' }
  | { kind: 'expired'; text: string }
  | { kind: 'canceled'; text: string }
  /** The worker stops. No attempt is counted. */
  | { kind: 'interrupted'; text: string };

export type OutcomeKind = Outcome['kind'];

/** How a connection to a server was encrypted. */
export interface Encryption {
  /** `TLSv1.3` */
  version: string;
  /** By its name in the registry of IANA: `TLS_AES_256_GCM_SHA384`. */
  cipher: string;
  /** SHA-256 of the server's certificate, as `openssl x509 -fingerprint -sha256` writes it. */
  fingerprint: string;
}

/** One try, as the history and the error log keep it. Times in ISO 8601. */
export interface Attempt {
  number: number;
  startedAt: string;
  endedAt: string;
  outcome: OutcomeKind;
  transport?: string;
  /** It went by the fallback of this transport, which could not be used for this reason. */
  fallback?: { for: string; because: string };
  /** It went there instead of to its recipients (setting `redirectTo`). */
  redirectedTo?: string;
  /** The version of the template that it was rendered from. */
  templateVersion?: number;
  text?: string;
  /** How its connection was encrypted; not there where nothing was. */
  tls?: Encryption;
  replies: Reply[];
  /** The SMTP dialogue without content and secrets, where the `log` setting asks for it. */
  dialogue?: string[];
  /** Replies and dialogue are left out: there was little room for them. */
  shortened?: true;
}

/** A change made to an email, as its history keeps it. */
export interface Change {
  at: string;
  by: string;
  what: string;
  /** The operation on many that it was part of. */
  operation?: string;
  /** Fields that changed: before and after. */
  fields?: Record<string, { before: unknown; after: unknown }>;
}

/** Lines of a job's log: BullMQ keeps and removes them with the job. */
export type LogLine = ({ kind: 'attempt' } & Attempt) | ({ kind: 'change' } & Change);

/** @returns undefined for a line that somebody else wrote into the job's log */
export const parseLogLine = (line: string): LogLine | undefined => {
  try {
    const read = JSON.parse(line) as LogLine;
    return read.kind === 'attempt' || read.kind === 'change' ? read : undefined;
  } catch {
    return undefined;
  }
};
