// What the API refuses, as an error that knows why.
import type { components } from './schema.js';

/** A problem document (RFC 9457) as the API answers it. */
export type ProblemDocument = components['schemas']['Problem'];

const EXCERPT = 200;

/** A request was refused or failed. Go by `code`: it is stable; the message is for people. */
export class RohrpostProblem extends Error {
  override readonly name = 'RohrpostProblem';
  /** Stable; `no-problem` where the answer was no problem document, as of a proxy in between. */
  readonly code: string;
  /** HTTP status. */
  readonly status: number;
  /** Each mistake in the input; `path` is a JSON Pointer (RFC 6901) into what was sent. */
  readonly errors: readonly { path: string; message: string }[];
  /** What to name to the operator: the service's log has it. */
  readonly requestId: string | undefined;

  constructor(
    /** All members of the document, such as `line` of a template. */
    readonly document: ProblemDocument,
    /** The answer; its body is read. */
    readonly response: Response,
  ) {
    super(document.detail);
    this.code = document.code;
    this.status = response.status;
    this.errors = document.errors ?? [];
    this.requestId = response.headers.get('X-Request-Id') ?? undefined;
  }
}

const isDocument = (body: unknown): body is ProblemDocument =>
  typeof body === 'object' && body !== null && 'code' in body && 'detail' in body;

/** @param body what the answer said, read as JSON where it was some */
export const problemOf = (response: Response, body: unknown): RohrpostProblem => {
  if (isDocument(body)) return new RohrpostProblem(body, response);
  const { status, statusText } = response;
  const detail = `${status} ${statusText}: ${(typeof body === 'string' ? body : JSON.stringify(body ?? '')).slice(0, EXCERPT)}`;
  return new RohrpostProblem({ type: 'about:blank', title: statusText, status, detail, code: 'no-problem' }, response);
};

/**
 * @param call of the typed client: `await unwrap(client.api.GET(...))`
 * @returns its data
 * @throws RohrpostProblem where the API refused
 */
export const unwrap = async <T>(
  call: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<Exclude<T, undefined>> => {
  const { data, error, response } = await call;
  if (!response.ok) throw problemOf(response, error);
  return data as Exclude<T, undefined>;
};
