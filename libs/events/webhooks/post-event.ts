// Posts one event to the address of a webhook, signed, and says what was answered.
import type { Fetcher } from '../../fetch/fetcher';
import { signatureHeaders } from '../../fetch/signature';
import { messageOf } from '../../runtime/fault';
import { uptime } from '../../runtime/clock';
import type { DeliveryAnswer } from '../../store/webhooks/deliveries';
import { withoutAddresses } from '../mail-log';

/** An attempt takes no longer, from the name to the answer, ms. */
export const POST_MS = 10_000;
const MOST_BYTES = 4_096;
/** Characters of the answer that are kept. */
const KEPT = 200;

interface SignedOrder {
  url: string;
  /** Each signs (`Webhooks.secrets`). */
  secrets: readonly string[];
  /** The same at each attempt: by it a receiver knows what it has already. */
  id: string;
  contentType: string;
  body: Buffer;
  /** How long it may take, from the name to the answer. */
  ms: number;
  /** ms since 1970 */
  at: number;
  signal?: AbortSignal;
}

export interface PostOrder extends Omit<SignedOrder, 'body' | 'contentType' | 'ms'> {
  body: object;
}

export interface PostedEvent extends DeliveryAnswer {
  /** It answered 2xx. */
  taken: boolean;
  /** The receiver's own wish, ms. */
  retryAfter?: number;
  /** How long it took, ms. */
  ms: number;
}

/** One line without control characters, and without addresses: those live with the email and go when it goes. */
const shown = (text: string): string =>
  withoutAddresses(text.replace(/[\u0000-\u001f\u007f]+/g, ' ').trim()).slice(0, KEPT);

const wordsOf = (status: number, beginning: Buffer): string => {
  const said = shown(beginning.toString('utf8'));
  return said === '' && status >= 300 && status < 400 ? 'redirects are not followed: give the address itself' : said;
};

/**
 * Follows no redirect; checks the address as every connection is checked (libs/fetch).
 * @throws the reason of the order's signal; whatever else goes wrong is an answer that was not given
 */
export const postSigned = async (fetcher: Fetcher, order: SignedOrder): Promise<PostedEvent> => {
  const { url, secrets, id, at, signal, body, contentType, ms } = order;
  const begun = uptime();
  try {
    const { status, retryAfter, beginning } = await fetcher.post({
      url,
      headers: { 'content-type': contentType, ...signatureHeaders({ id, at, secrets, body }) },
      body,
      limits: { bytes: MOST_BYTES, ms },
      ...(signal && { signal }),
    });
    return {
      taken: status >= 200 && status < 300,
      status,
      text: wordsOf(status, beginning),
      ...(retryAfter !== undefined && { retryAfter }),
      ms: Math.round(uptime() - begun),
    };
  } catch (error) {
    if (signal?.aborted === true) throw error;
    return { taken: false, text: shown(messageOf(error)), ms: Math.round(uptime() - begun) };
  }
};

/** The same for an event. */
export const postEvent = (fetcher: Fetcher, { body, ...order }: PostOrder): Promise<PostedEvent> => {
  const json = Buffer.from(JSON.stringify(body));
  return postSigned(fetcher, { ...order, body: json, contentType: 'application/json', ms: POST_MS });
};
