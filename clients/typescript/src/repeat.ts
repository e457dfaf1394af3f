// A fetch that repeats requests: only those that do nothing twice, and no sooner than the service asks for.

type Fetch = (request: Request) => Promise<Response>;

export interface RepeatOptions {
  /** How often a request is repeated at most. 4 where it is not given. */
  retries?: number;
  /** The longest wait before a repetition, ms; where Retry-After asks for more, the answer is given back. 60,000 where it is not given. */
  maxDelay?: number;
  /** How long an answer may take to begin, ms. 60,000 where it is not given. */
  timeout?: number;
}

const FIRST_DELAY = 250;

/** May it be sent again where nobody knows whether it was carried out? (RFC 9110 9.2.2; the key of draft-ietf-httpapi-idempotency-key-header) */
const isSafe = ({ method, headers }: Request): boolean =>
  headers.has('Idempotency-Key') ||
  method === 'GET' ||
  method === 'HEAD' ||
  // With If-Match the repetition of a change that was made would be told that somebody else made it.
  ((method === 'PUT' || method === 'DELETE') && !headers.has('If-Match'));

/** A rate is asked for before anything is done. Of other statuses nobody knows. */
const isWorthAnother = (request: Request, { status }: Response): boolean =>
  status === 429 || (status >= 500 && status !== 501 && isSafe(request));

/** @returns ms, by Retry-After: seconds or a date (RFC 9110 10.2.3); undefined where it says nothing */
const askedDelay = (response: Response | undefined): number | undefined => {
  const given = response?.headers.get('Retry-After');
  if (given == null) return undefined;
  const seconds = Number(given);
  const ms = Number.isNaN(seconds) ? Date.parse(given) - Date.now() : seconds * 1_000;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
};

/** Twice as long each time, and never for all clients at once. */
const ownDelay = (repetition: number): number => FIRST_DELAY * 2 ** repetition * (0.5 + Math.random() / 2);

const wait = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });

/** Once; it is ended where no answer begins in time. What is read of it later has all the time that it needs. */
const once = async (fetch: Fetch, request: Request, timeout: number): Promise<Response> => {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new DOMException(`no answer in ${timeout} ms`, 'TimeoutError')), timeout);
  try {
    return await fetch(new Request(request.clone(), { signal: AbortSignal.any([request.signal, late.signal]) }));
  } finally {
    clearTimeout(timer);
  }
};

/** @returns a fetch that repeats; what fails at last is answered, or thrown, as by the one that is given */
export const repeating =
  (fetch: Fetch, { retries = 4, maxDelay = 60_000, timeout = 60_000 }: RepeatOptions): Fetch =>
  async (request) => {
    for (let repetition = 0; ; repetition++) {
      let response: Response | undefined;
      try {
        response = await once(fetch, request, timeout);
        if (repetition >= retries || !isWorthAnother(request, response)) return response;
      } catch (error) {
        if (request.signal.aborted || repetition >= retries || !isSafe(request)) throw error;
      }
      const delay = askedDelay(response) ?? Math.min(ownDelay(repetition), maxDelay);
      if (response !== undefined && delay > maxDelay) return response;
      await response?.body?.cancel();
      await wait(delay, request.signal);
    }
  };
