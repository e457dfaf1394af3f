// Data of an email, fetched at its time: one JSON object, signed for, bounded.
import { readJson } from '../mail/json/json-text';
import { Problem } from '../mail/input/problem';
import { FetchFailure, shownUrl } from './failure';
import type { Fetcher } from './fetcher';
import { signatureHeaders, type Signing } from './signature';

const MOST_BYTES = 1024 * 1024;
/** How long a worker waits for data, ms; nobody else's email waits for it. */
const LONGEST_MS = 10_000;

export interface DataRequest {
  url: string;
  prefixes: readonly string[];
  signing: Omit<Signing, 'body'>;
  /** ms, instead of the usual 10 s */
  ms?: number;
  signal?: AbortSignal;
}

/** By the rules that hold for data in the body of a request. @throws FetchFailure */
const parse = async (bytes: Buffer, where: string): Promise<unknown> => {
  try {
    return await readJson(bytes, `the answer of ${where}`);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const isInside = error.errors.some(({ path }) => path !== '');
    throw new FetchFailure('invalid', isInside ? `in the answer of ${where}, ${error.message}` : error.message);
  }
};

/**
 * Asks for the object. Nothing is cached: it is what the source says now.
 * @throws FetchFailure; `invalid` where it is no JSON object or none that may be used
 */
export const fetchData = async (fetcher: Fetcher, order: DataRequest): Promise<Record<string, unknown>> => {
  const { body } = await fetcher.fetch({
    url: order.url,
    prefixes: order.prefixes,
    headers: { accept: 'application/json', ...signatureHeaders(order.signing) },
    limits: { bytes: MOST_BYTES, ms: order.ms ?? LONGEST_MS },
    ...(order.signal && { signal: order.signal }),
  });
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  const where = shownUrl(new URL(order.url));
  const data = await parse(Buffer.concat(chunks), where);
  if (typeof data !== 'object' || data === null || Array.isArray(data))
    throw new FetchFailure('invalid', `${where} did not answer with a JSON object`);
  return data as Record<string, unknown>;
};
