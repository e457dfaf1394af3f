// The calls: JSON in, JSON out; a refusal and a failure end the command with words for people.
import { EXIT, reasonOf, Stop } from '../terminal/exit';
import type { Connection } from './connection';

export interface Answer<T> {
  status: number;
  body: T;
  headers: Headers;
}

export interface CallOptions {
  body?: unknown;
  /** Of the body, where it is no JSON. */
  type?: string;
  headers?: Record<string, string>;
  /** It may take longer than a minute: it is waited for as long as Node's fetch does, which is 5 minutes. */
  isLong?: true;
}

export interface Api {
  connection: Connection;
  /** @throws Stop where it is refused, or nobody answers */
  call<T>(method: string, path: string, options?: CallOptions): Promise<Answer<T>>;
  /** A GET; undefined where there is nothing. */
  find<T>(path: string): Promise<Answer<T> | undefined>;
  /** A stream of events. @throws Stop where it is refused */
  open(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<ReadableStream<Uint8Array>>;
}

/** A problem document (RFC 9457), as far as people are told of it. */
export interface ProblemBody {
  status: number;
  detail: string;
  code: string;
  errors?: { path: string; message: string }[];
  template?: string;
  part?: string;
  line?: number;
  column?: number;
}

/** ms; `verify` takes up to 30 s. */
const PATIENCE_MS = 60_000;

/** A problem in words: its detail, its code, and each mistake in the input. */
export const wordsOf = ({ detail, code, errors = [], template, part, line, column }: ProblemBody): string => {
  const mistakes = errors.map(({ path, message }) => `  ${path === '' ? 'the input' : path}: ${message}`);
  const place =
    template === undefined
      ? []
      : [`  template ${template}: ${part ?? ''} line ${line ?? '?'}, column ${column ?? '?'}`];
  return [`${detail} (${code})`, ...mistakes, ...place].join('\n');
};

/** @param text of the answer @returns what ends the command */
export const refusal = (url: string, status: number, text: string): Stop => {
  try {
    const problem = JSON.parse(text) as ProblemBody;
    if (typeof problem.detail === 'string' && typeof problem.code === 'string')
      return new Stop(problem.code === 'not-found' ? EXIT.notFound : EXIT.refused, wordsOf(problem), status);
  } catch {
    // What answers is no Rohrpost: a proxy, or another program.
  }
  return new Stop(
    EXIT.refused,
    `${url} answered ${status}, and not as Rohrpost does: is it the API's address?`,
    status,
  );
};

export const unreachable = (url: string, error: unknown): Stop =>
  new Stop(EXIT.unreachable, `${url} is not reachable: ${reasonOf(error)}`);

export const createApi = (connection: Connection): Api => {
  const { url, key } = connection;
  const request = async (path: string, init: RequestInit): Promise<Response> => {
    try {
      // A redirect would turn a POST into a GET, or lead the key elsewhere.
      return await fetch(`${url}${path}`, { redirect: 'manual', ...init });
    } catch (error) {
      throw unreachable(url, error);
    }
  };
  const headers = { authorization: `Bearer ${key}` };
  const call = async <T>(method: string, path: string, options: CallOptions = {}): Promise<Answer<T>> => {
    const { body, type = 'application/json', isLong } = options;
    const response = await request(path, {
      method,
      headers: { ...headers, ...(body !== undefined && { 'content-type': type }), ...options.headers },
      ...(body !== undefined && { body: body instanceof Uint8Array ? Buffer.from(body) : JSON.stringify(body) }),
      ...(isLong !== true && { signal: AbortSignal.timeout(PATIENCE_MS) }),
    });
    const text = await response.text().catch((error: unknown) => {
      throw unreachable(url, error);
    });
    if (!response.ok) throw refusal(url, response.status, text);
    try {
      return {
        status: response.status,
        headers: response.headers,
        body: (text === '' ? undefined : JSON.parse(text)) as T,
      };
    } catch {
      throw refusal(url, response.status, text);
    }
  };
  return {
    connection,
    call,
    find: <T>(path: string) =>
      call<T>('GET', path).catch((error: unknown) => {
        if (error instanceof Stop && error.exitCode === EXIT.notFound) return undefined;
        throw error;
      }),
    async open(path, more, signal) {
      const response = await request(path, { headers: { ...headers, ...more }, signal });
      if (!response.ok || response.body === null) throw refusal(url, response.status, await response.text());
      return response.body;
    },
  };
};
