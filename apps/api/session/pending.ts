// A sign-in under way: its secrets travel in a sealed cookie of the browser that began it, so that nobody else can end it.
import { randomBytes } from 'node:crypto';
import type { Request, Response } from 'express';
import type { SecretBox } from '../../../libs/store/redis/secret-box';
import { cookieOf } from './cookies';
import type { Pending } from '../openid/provider';

export interface KeptPending extends Pending {
  /** Where the reader wanted to go, and in which language they read: no other cookie comes back from the provider's page. */
  to: string;
  language: string;
  /** When it began, ms since 1970. */
  at: number;
}

const LASTS_MS = 600_000;
const PLACE = 'openid sign-in';

/** The prefix keeps other hosts below the same domain from setting it (RFC 6265bis 4.1.3.2); it is for TLS alone. */
const nameOf = (secure: boolean): string => `${secure ? '__Host-' : ''}rohrpost_signin`;
/** `lax`: the way back is a link from the provider's page. */
const options = (secure: boolean) => ({ httpOnly: true, sameSite: 'lax', secure, path: '/' }) as const;

const secret = (): string => randomBytes(32).toString('base64url');

export const newPending = (): Pending => ({ state: secret(), nonce: secret(), verifier: secret() });

export const keepPending = (response: Response, box: SecretBox, secure: boolean, pending: KeptPending): void => {
  const sealed = box.seal(JSON.stringify(pending), PLACE);
  response.cookie(nameOf(secure), sealed, { ...options(secure), maxAge: LASTS_MS });
};

/**
 * Takes it out of the browser, unless that has begun another one since, in another tab.
 * @returns undefined where this browser began none, another one, or too long ago
 */
export const takePending = (
  request: Request,
  response: Response,
  box: SecretBox,
  secure: boolean,
  now: number,
): KeptPending | undefined => {
  const sealed = cookieOf(request, nameOf(secure));
  if (sealed === undefined) return undefined;
  try {
    const pending = JSON.parse(box.open(sealed, PLACE)) as KeptPending;
    if (pending.state !== request.query['state']) return undefined;
    response.clearCookie(nameOf(secure), options(secure));
    return now - pending.at <= LASTS_MS ? pending : undefined;
  } catch {
    // Somebody has changed their own cookie, or its key is gone.
    return undefined;
  }
};
