// What a page of the console is: an address, what it shows, and what its forms do.
import type { Response } from 'express';
import type { Child } from 'hono/jsx';
import type { Problem } from '../../../../libs/mail/input/problem';
import type { Identity } from '../../../../libs/mail/settings/api-key';
import type { Answer } from '../../http/endpoint/endpoint';
import type { Say, WordKey } from '../words/all-words';
import type { Language, Values } from '../words/words';

/** What is given to an endpoint of the API, as a request would give it. */
export interface Given {
  params?: Record<string, string>;
  /** Names of the query and their values; those that are undefined or empty are left out. */
  query?: Record<string, string | undefined>;
  body?: unknown;
  /** The version that the reader has seen: an ETag. */
  ifMatch?: string;
  /** Of one form that may be sent twice. */
  idempotencyKey?: string;
}

/** Asks an endpoint of the API in this process, as the reader: the same checks, the same answers, no HTTP. */
export interface Ask {
  /** @param id its `operationId` @returns the document that it answers @throws Problem as the API would answer it */
  <T = unknown>(id: string, given?: Given): Promise<T>;
  /** With its status and headers. @throws Problem */
  answer(this: void, id: string, given?: Given): Promise<Answer>;
}

/** The fields of a form that was sent; of one that was not, none. */
export interface Form {
  /** The value of a field, without spaces around it; undefined where it was not sent. */
  get(name: string): string | undefined;
  /** As it was typed: for texts whose spaces matter. */
  raw(name: string): string | undefined;
  /** All values of fields of one name. */
  all(name: string): string[];
  has(name: string): boolean;
  readonly isSent: boolean;
}

/** A request for a page, and who asks. */
export interface Visit {
  identity: Identity;
  /** The path without its query, and with it. */
  path: string;
  url: string;
  params: Record<string, string>;
  query: Record<string, string | undefined>;
  form: Form;
  /** Why the form was refused: the page is shown again, with what was typed. */
  problem?: Problem;
  ask: Ask;
  say: Say;
  language: Language;
  /** The reader's time zone (IANA), UTC where it is not known. */
  zone: string;
  /** ms since 1970 */
  now: number;
}

/** The tenant that its path names. */
export const tenantOf = ({ params }: Pick<Visit, 'params'>): string => params['tenant'] ?? '';

/** What a page shows. */
export interface View {
  title: string;
  body: Child;
  /** 200 where it is left out. */
  status?: number;
}

/** Where the reader goes after a form was done. */
export interface Redirect {
  redirect: string;
  /** Told there, once. */
  notice?: WordKey;
  values?: Values;
}

/** What is no page: a file, a preview with a policy of its own. */
export interface Download {
  type: string;
  /** What writes it itself ends the answer. */
  body: string | Buffer | ((response: Response) => Promise<void>);
  headers?: Record<string, string>;
}

export interface Page {
  /** As express writes it: `/queues/:tenant/:application`. */
  path: string;
  get?(this: void, visit: Visit): Promise<View | Redirect | Download>;
  /**
   * Does what a form asks for. A Problem that it throws shows the page again, with the problem and what was typed.
   * @returns where to go, or what to show
   */
  post?(this: void, visit: Visit): Promise<Redirect | View | Download>;
}
