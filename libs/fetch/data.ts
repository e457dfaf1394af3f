// Data of an email, fetched at its time: one JSON object, signed for, bounded.
import { shapeFault } from '../mail/json-shape';
import { FetchFailure, shownUrl } from './failure';
import type { Fetcher } from './fetcher';
import { signatureHeaders, type Signing } from './signature';

const MOST_BYTES = 1024 * 1024;
/** How long a worker waits for data, ms; nobody else's email waits for it. */
const LONGEST_MS = 10_000;

export interface DataOrder {
  url: string;
  prefixes: readonly string[];
  signing: Omit<Signing, 'body'>;
  /** ms, instead of the usual 10 s */
  ms?: number;
  signal?: AbortSignal;
}

const parse = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch {
    return undefined;
  }
};

/**
 * Asks for the object. Nothing is cached: it is what the source says now.
 * @throws FetchFailure; `invalid` where it is no JSON object or none that may be used
 */
export const fetchData = async (fetcher: Fetcher, order: DataOrder): Promise<Record<string, unknown>> => {
  const { body } = await fetcher.fetch({
    url: order.url,
    prefixes: order.prefixes,
    headers: { accept: 'application/json', ...signatureHeaders(order.signing) },
    limits: { bytes: MOST_BYTES, ms: order.ms ?? LONGEST_MS },
    ...(order.signal && { signal: order.signal }),
  });
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  const data = parse(Buffer.concat(chunks));
  const where = shownUrl(new URL(order.url));
  if (typeof data !== 'object' || data === null || Array.isArray(data))
    throw new FetchFailure('invalid', `${where} did not answer with a JSON object`);
  const fault = shapeFault(data);
  if (fault !== undefined) throw new FetchFailure('invalid', `the data of ${where} ${fault.text}`);
  return data as Record<string, unknown>;
};
