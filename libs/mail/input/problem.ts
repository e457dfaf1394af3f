// A refusal that knows what to say: a stable code for machines, a sentence for people, pointers into the input.

/** One mistake in the input. `path` is a JSON Pointer (RFC 6901) into it. */
export interface InputError {
  path: string;
  message: string;
}

/** More mistakes than these in one input are counted, not told. */
export const MOST_ERRORS = 20;

/** Something was asked that cannot be done. The API shows it as a problem document (RFC 9457). */
export class Problem extends Error {
  override name = 'Problem';
  constructor(
    /** Stable, machine-readable. */
    readonly code: string,
    /** What happened, why, and what to do. */
    detail: string,
    readonly errors: InputError[] = [],
    /** Further members of the problem document, such as a place in a template. */
    readonly extra: Readonly<Record<string, string | number>> = {},
  ) {
    super(detail);
  }
}

/** A JSON Pointer from path segments. */
export const pointer = (segments: readonly PropertyKey[]): string =>
  segments.map((segment) => `/${String(segment).replace(/~/g, '~0').replace(/\//g, '~1')}`).join('');

/** A problem about one place in the input. */
export const problemAt = (code: string, segments: readonly PropertyKey[], message: string): Problem =>
  new Problem(code, message, [{ path: pointer(segments), message }]);

/** Nothing is there, or the key does not reach it: whoever asks cannot tell which. */
export const notFound = (what = 'this address'): Problem =>
  new Problem('not-found', `there is nothing under ${what}, or your key does not reach it`);
