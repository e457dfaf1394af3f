// Is a webhook ours? Signatures as Standard Webhooks say (https://www.standardwebhooks.com), by Web Crypto.

/** What a webhook's body says. */
export interface WebhookEvent {
  /** As `email.sent`. Bear those that you do not know. */
  type: string;
  /** When it happened, ISO 8601. */
  timestamp: string;
  data: Record<string, unknown>;
}

/** It is not believed: `message` says why, for a log; answer 401 or 400. */
export class WebhookVerificationError extends Error {
  override readonly name = 'WebhookVerificationError';
}

export interface VerifyOptions {
  /** How far its time may be from now, s, so that nobody sends an old one again. 300 where it is not given. */
  tolerance?: number;
  /** The present, ms since 1970. */
  now?: number;
}

type GivenHeaders = Headers | Record<string, string | readonly string[] | undefined>;

const PREFIX = 'whsec_';
const encoder = new TextEncoder();

const headerOf = (headers: GivenHeaders, name: string): string => {
  const value =
    headers instanceof Headers
      ? headers.get(name)
      : Object.entries(headers).find(([given]) => given.toLowerCase() === name)?.[1];
  if (value == null) throw new WebhookVerificationError(`there is no header ${name}`);
  return typeof value === 'string' ? value : value.join(' ');
};

/** @returns undefined where it is no base64 */
const bytesOf = (base64: string): Uint8Array<ArrayBuffer> | undefined => {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
};

const keyOf = (secret: string) => {
  const bytes = bytesOf(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret);
  if (bytes === undefined || bytes.length === 0)
    throw new TypeError('the secret must be as it was shown when the webhook was made: whsec_ and base64');
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
};

const requireFresh = (timestamp: string, { tolerance = 300, now = Date.now() }: VerifyOptions): void => {
  const seconds = /^\d{1,15}$/.test(timestamp) ? Number(timestamp) : Number.NaN;
  // Where it is no number, no comparison holds.
  if (!(Math.abs(now / 1_000 - seconds) <= tolerance))
    throw new WebhookVerificationError(`its time is not within ${tolerance} s of now`);
};

/** Does any of the secrets make any of the signatures? Compared by Web Crypto, in a time that says nothing of them. */
const isSigned = async (content: Uint8Array<ArrayBuffer>, signatures: string, secrets: readonly string[]) => {
  const given = signatures
    .split(' ')
    .filter((one) => one.startsWith('v1,'))
    .map((one) => bytesOf(one.slice(3)));
  for (const key of await Promise.all(secrets.map(keyOf)))
    for (const signature of given)
      if (signature !== undefined && (await crypto.subtle.verify('HMAC', key, signature, content))) return true;
  return false;
};

const joined = (head: string, payload: Uint8Array): Uint8Array<ArrayBuffer> => {
  const first = encoder.encode(head);
  const all = new Uint8Array(first.length + payload.length);
  all.set(first);
  all.set(payload, first.length);
  return all;
};

/**
 * Verifies a webhook before anything of it is believed.
 * @param payload the body as it came, not parsed and written anew
 * @param headers of the request: `webhook-id` (the same in each repetition), `webhook-timestamp`, `webhook-signature`
 * @param secret `whsec_…`; several while one follows another
 * @returns what it says
 * @throws WebhookVerificationError where it is not signed by a secret, or its time is too far from now
 */
export const verifyWebhook = async (
  payload: string | Uint8Array,
  headers: GivenHeaders,
  secret: string | readonly string[],
  options: VerifyOptions = {},
): Promise<WebhookEvent> => {
  const id = headerOf(headers, 'webhook-id');
  const timestamp = headerOf(headers, 'webhook-timestamp');
  const signatures = headerOf(headers, 'webhook-signature');
  requireFresh(timestamp, options);
  const bytes = typeof payload === 'string' ? encoder.encode(payload) : payload;
  const secrets = typeof secret === 'string' ? [secret] : secret;
  if (!(await isSigned(joined(`${id}.${timestamp}.`, bytes), signatures, secrets)))
    throw new WebhookVerificationError('none of its signatures is made with the secret');
  return JSON.parse(new TextDecoder().decode(bytes)) as WebhookEvent;
};
