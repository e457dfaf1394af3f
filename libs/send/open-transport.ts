// A transport as it is used, and what goes wrong with it.
import type { Phase } from '../mail/reply';
import type { StoredTransport } from '../mail/transport';
import type { TransportSecrets } from '../store/transports';

/** A transport with its secrets in clear. */
export interface OpenTransport {
  /** `tenant/name`. */
  id: string;
  transport: StoredTransport;
  secrets: TransportSecrets;
}

/** What nodemailer throws, as far as we read it. */
export interface SmtpError extends Error {
  code?: string;
  command?: string;
  response?: string;
  responseCode?: number;
}

/** A connection that could not be opened: at which step, in our words, and what may be done where the server answered. */
export type OpeningError = SmtpError & { phase: Phase; words: string; hint?: string };
