// A transport as it is used, and what goes wrong with it.
import type { Phase } from '../../mail/smtp/reply';
import type { StoredTransport } from '../../mail/settings/transport';
import type { TransportSecrets } from '../../store/registries/transport-secrets';

/** A transport with its secrets in clear. */
export interface OpenTransport {
  /** `tenant/name`. */
  id: string;
  transport: StoredTransport;
  secrets: TransportSecrets;
  /** Where it logs in by access tokens. */
  tokens?: TokenSource;
}

/** Access tokens of one transport. */
export interface TokenSource {
  /** @throws NoAccessToken */
  get(): Promise<string>;
  /** The server refused it. @returns whether another one may help */
  refused(token: string): Promise<boolean>;
}

/** There is no access token to log in with, and no server was asked. */
export interface NoAccessToken extends Error {
  /** `refused`: somebody has to correct the transport. `away`: it ends by itself. */
  kind: 'refused' | 'away';
  /** ms until it is worth another try */
  retryAfter?: number | undefined;
}

/** What nodemailer throws, as far as we read it. */
export interface SmtpError extends Error {
  code?: string;
  command?: string;
  response?: string;
  responseCode?: number;
}

/** A connection that could not be opened: at which step, in our words, and what may be done where the server answered. */
export type OpeningError = SmtpError & {
  phase: Phase;
  words: string;
  hint?: string;
  /** The access token that it was tried with. */
  token?: string;
  /** No server was asked: the email waits so long. With `blame` somebody has to correct the transport first. */
  notBefore?: { ms: number; blame?: 'transport' };
};
