// Signs outgoing requests as Standard Webhooks say, so that whoever is asked knows by whom.
import { createHmac } from 'node:crypto';

export interface Signing {
  /** Unique for each request. */
  id: string;
  /** ms since 1970 */
  at: number;
  /** `whsec_<base64>`; each makes a signature of its own, so that a secret can be changed while both are known. */
  secrets: readonly string[];
  body?: Buffer;
}

/** Headers of https://github.com/standard-webhooks/standard-webhooks: HMAC-SHA256 over `id.seconds.body`. */
export const signatureHeaders = ({ id, at, secrets, body }: Signing): Record<string, string> => {
  const seconds = Math.floor(at / 1_000).toString();
  const sign = (secret: string): string =>
    createHmac('sha256', Buffer.from(secret.replace(/^whsec_/, ''), 'base64'))
      .update(`${id}.${seconds}.`)
      .update(body ?? '')
      .digest('base64');
  return {
    'webhook-id': id,
    'webhook-timestamp': seconds,
    'webhook-signature': secrets.map((secret) => `v1,${sign(secret)}`).join(' '),
  };
};
