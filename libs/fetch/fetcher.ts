// Fetches from addresses that tenants name, without ever reaching what they must not: outgoing HTTP, guarded.
import type { Readable } from 'node:stream';
import { Agent, request, type Dispatcher } from 'undici';
import { codeOf, messageOf } from '../runtime/fault';
import {
  createAddressRule,
  createAllowance,
  guardedLookup,
  resolveBySystem,
  spelledAddress,
  type AddressRule,
  type Resolve,
} from '../runtime/addresses';
import { beginningOf, bounded } from './body';
import { FetchFailure, shownUrl } from './failure';
import { check, notPublic } from './guard';
import { redirectOf } from './redirect';

export interface FetchRequest {
  url: string;
  /** The address, and every address that it redirects to, must be under one of these; not given: anywhere public. */
  prefixes?: readonly string[];
  method?: 'GET' | 'POST';
  /** Not sent on to another origin. */
  headers?: Record<string, string>;
  body?: Buffer;
  /** Bytes of the body as it is read, so after inflating; ms over all, from the name to the last byte. */
  limits: { bytes: number; ms: number };
  signal?: AbortSignal;
}

/** A successful answer (2xx). */
export interface Fetched {
  status: number;
  contentType?: string;
  /** Must be read to its end or left; what it throws is a FetchFailure, or the signal's reason. */
  body: AsyncIterable<Buffer>;
}

/** Any answer, whatever its status. */
export interface Exchanged {
  status: number;
  contentType?: string;
  /** The server's own wish, ms. */
  retryAfter?: number;
  body: Buffer;
}

/** Any answer to what was posted, whatever its status. */
export interface Posted {
  status: number;
  /** The server's own wish, ms. */
  retryAfter?: number;
  /** Of the body, as many bytes as were asked for at most. */
  beginning: Buffer;
}

export interface Fetcher {
  /** @throws FetchFailure, or the reason of the order's signal */
  fetch(order: FetchRequest): Promise<Fetched>;
  /**
   * Asks once, follows no redirect, and gives whatever was answered.
   * @throws FetchFailure where nothing was, or the reason of the order's signal
   */
  exchange(order: FetchRequest): Promise<Exchanged>;
  /**
   * Posts once, follows no redirect, and gives whatever was answered; of a longer body than the order's bytes the beginning.
   * @throws FetchFailure where nothing was, or the reason of the order's signal
   */
  post(order: Omit<FetchRequest, 'method'>): Promise<Posted>;
  /** Has the operator allowed this private host? */
  allows(host: string): boolean;
  /** False for an address that must not be reached, in whatever notation; what a name stands for is not looked up. */
  mayName(host: string): boolean;
  close(): Promise<void>;
}

const CONNECT_MS = 5_000;

/** Seconds, as nearly everybody gives it (RFC 9110 10.2.3); ms. */
const retryAfterOf = (header: unknown): number | undefined =>
  typeof header === 'string' && /^\d{1,6}$/.test(header) ? Number(header) * 1_000 : undefined;

const headerOf = (response: Dispatcher.ResponseData, name: string): string | undefined => {
  const value = response.headers[name];
  return Array.isArray(value) ? value[0] : value;
};

const unhappy = (url: URL, response: Dispatcher.ResponseData): FetchFailure => {
  const { statusCode } = response;
  const text = `${shownUrl(url)} answered ${statusCode}`;
  if (statusCode === 404 || statusCode === 410) return new FetchFailure('gone', text);
  return new FetchFailure('for-now', text, retryAfterOf(headerOf(response, 'retry-after')));
};

const dropped = (body: Readable): void => {
  body.on('error', () => undefined);
  body.destroy();
};

/** What ended a request, in words. @param timeout the signal of the order's own limit */
const toFailure = (error: unknown, url: URL, order: FetchRequest, timeout: AbortSignal): unknown => {
  if (error instanceof FetchFailure) return error;
  if (order.signal?.aborted === true) return order.signal.reason;
  if (timeout.aborted) return new FetchFailure('for-now', `${shownUrl(url)} was not done within ${order.limits.ms} ms`);
  const why = messageOf(error) || (codeOf(error) ?? 'the connection failed');
  return new FetchFailure('for-now', `${shownUrl(url)} could not be fetched: ${why}`);
};

/** The signal that ends a request: of its time, or of whoever asked. */
const signalOf = (order: FetchRequest, timeout: AbortSignal): AbortSignal =>
  order.signal === undefined ? timeout : AbortSignal.any([timeout, order.signal]);

/** @param broken what to make of a body that breaks off */
const fetched = (
  response: Dispatcher.ResponseData,
  url: URL,
  order: FetchRequest,
  broken: (error: unknown) => unknown,
): Fetched => {
  const contentType = headerOf(response, 'content-type');
  return {
    status: response.statusCode,
    ...(contentType !== undefined && { contentType }),
    body: bounded(response.body, headerOf(response, 'content-encoding'), order.limits.bytes, url, broken),
  };
};

const urlOf = (order: FetchRequest): URL => {
  if (!URL.canParse(order.url)) throw new FetchFailure('refused', 'this is no URL');
  return new URL(order.url);
};

type Ask = (
  url: URL,
  order: FetchRequest,
  sameOrigin: boolean,
  signal: AbortSignal,
) => Promise<Dispatcher.ResponseData>;

/** What asks once, and follows no redirect. */
const createOnce = (ask: Ask, mayReach: AddressRule) => ({
  async exchange(url: URL, order: FetchRequest, timeout: AbortSignal): Promise<Exchanged> {
    const signal = signalOf(order, timeout);
    check(url, order.prefixes, mayReach);
    try {
      const response = await ask(url, order, true, signal);
      const retryAfter = retryAfterOf(headerOf(response, 'retry-after'));
      const answer = fetched(response, url, order, (error) => toFailure(error, url, order, timeout));
      const chunks: Buffer[] = [];
      for await (const chunk of answer.body) chunks.push(chunk);
      return { ...answer, ...(retryAfter !== undefined && { retryAfter }), body: Buffer.concat(chunks) };
    } catch (error) {
      throw toFailure(error, url, order, timeout);
    }
  },
  async post(url: URL, order: FetchRequest, timeout: AbortSignal): Promise<Posted> {
    check(url, order.prefixes, mayReach);
    try {
      const response = await ask(url, order, true, signalOf(order, timeout));
      const retryAfter = retryAfterOf(headerOf(response, 'retry-after'));
      const encoding = headerOf(response, 'content-encoding');
      const beginning = await beginningOf(response.body, encoding, order.limits.bytes, url);
      return { status: response.statusCode, ...(retryAfter !== undefined && { retryAfter }), beginning };
    } catch (error) {
      throw toFailure(error, url, order, timeout);
    }
  },
});

/**
 * @param deps.allowPrivate hosts, addresses and ranges of private networks that may be reached all the same
 * @param deps.resolve the system's resolver unless another is given
 */
export const createFetcher = (deps: { allowPrivate: readonly string[]; resolve?: Resolve }): Fetcher => {
  const mayReach = createAddressRule(deps.allowPrivate);
  const lookup = guardedLookup(mayReach, deps.resolve ?? resolveBySystem, notPublic);
  const agent = new Agent({ connect: { lookup, timeout: CONNECT_MS }, maxHeaderSize: 16_384 });

  const ask: Ask = (url, order, sameOrigin, signal) =>
    request(url, {
      dispatcher: agent,
      method: order.method ?? 'GET',
      headers: { 'user-agent': 'rohrpost', 'accept-encoding': 'gzip', ...(sameOrigin && order.headers) },
      ...(order.body && { body: order.body }),
      signal,
    });

  const follow = async (first: URL, order: FetchRequest, timeout: AbortSignal): Promise<Fetched> => {
    const signal = signalOf(order, timeout);
    let url = first;
    let sameOrigin = true;
    for (let hops = 0; ; hops++) {
      check(url, order.prefixes, mayReach);
      try {
        const response = await ask(url, order, sameOrigin, signal);
        if (response.statusCode >= 200 && response.statusCode < 300) {
          const at = url;
          return fetched(response, at, order, (error) => toFailure(error, at, order, timeout));
        }
        dropped(response.body);
        const location = headerOf(response, 'location');
        // What was posted is posted to nobody else.
        const next = order.method === 'POST' ? undefined : redirectOf(url, response.statusCode, location, hops);
        if (next === undefined) throw unhappy(url, response);
        sameOrigin = sameOrigin && next.origin === url.origin;
        url = next;
      } catch (error) {
        throw toFailure(error, url, order, timeout);
      }
    }
  };

  const once = createOnce(ask, mayReach);
  return {
    fetch: async (order) => follow(urlOf(order), order, AbortSignal.timeout(order.limits.ms)),
    exchange: async (order) => once.exchange(urlOf(order), order, AbortSignal.timeout(order.limits.ms)),
    post: async (order) => once.post(urlOf(order), { ...order, method: 'POST' }, AbortSignal.timeout(order.limits.ms)),
    allows: createAllowance(deps.allowPrivate),
    mayName(host) {
      const bare = host.replace(/^\[(.*)\]$/, '$1');
      const address = spelledAddress(bare);
      return address === undefined || mayReach(bare, address);
    },
    close: () => agent.destroy(),
  };
};
