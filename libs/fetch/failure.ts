// Why something was not fetched, sorted by what follows from it.

/**
 * `refused`: the address is not allowed, nothing was or will be asked. `gone`: the source says that it has no such thing
 * (404, 410). `invalid`: it answered with something that cannot be used. `for-now`: everything else, worth another try;
 * also 401 and 403, since a person mends those at the source and the email need not be touched.
 */
export type FetchFailureKind = 'refused' | 'gone' | 'invalid' | 'for-now';

export class FetchFailure extends Error {
  override name = 'FetchFailure';
  constructor(
    readonly kind: FetchFailureKind,
    /** For a person: what was asked and what came of it, without the query, which may hold a secret. */
    text: string,
    /** The source's own wish, ms. */
    readonly retryAfter?: number,
  ) {
    super(text);
  }
}

/** A URL as it may be shown: where it points to, not what it carries. */
export const shownUrl = (url: URL): string => `${url.origin}${url.pathname}`.slice(0, 200);

export const notAllowed = (url: URL, why: string): FetchFailure =>
  new FetchFailure('refused', `${shownUrl(url)} ${why}`);
