// What an endpoint of the API is declared as: once, for the router, the OpenAPI document, the tests and clients.
import type { Request, Response } from 'express';
import type { z } from 'zod';
import type { QueueAddress } from '../../../../libs/mail/address/queue-address';
import type { Identity } from '../../../../libs/mail/settings/api-key';
import type { IfMatch } from '../if-match';
import type { Over, Permission } from '../permission';
import type { Body } from './body';
import type { ProblemCode } from './problem-meanings';

export type Method = 'get' | 'put' | 'post' | 'patch' | 'delete';

/** Request headers that an endpoint heeds; each is read before its handler runs. */
export type HeededHeader = 'Idempotency-Key' | 'If-Match';
export type AnswerHeader = 'ETag' | 'Location' | 'Idempotency-Replayed' | 'Content-Disposition';

/** One answer of an endpoint, by its status. */
export interface DeclaredAnswer {
  description: string;
  /** Of a JSON body, strict: clients must bear new fields, tests must not. Its first example is the answer's. */
  schema?: z.ZodType;
  /** The media type of a body that is not JSON. */
  type?: string;
  headers?: readonly AnswerHeader[];
}

/** What a handler answers. */
export interface Answer {
  /** 200 where it is left out. */
  status?: number;
  headers?: Partial<Record<AnswerHeader, string>>;
  /** Answered as JSON; nothing is answered where both are left out. */
  body?: object;
  /** Writes a body that is not JSON. */
  write?: (response: Response) => Promise<void>;
}

type Names<P extends string> = P extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;

interface Place {
  queue: { address: QueueAddress };
  tenant: { tenant: string };
  installation: object;
  reach: object;
}

/** What a handler gets: what was checked already. */
export type Asked<O extends Over, P extends string, Q, B> = Place[O] & {
  identity: Identity;
  /** Who asks, as a history will say. */
  by: string;
  params: Record<Names<P>, string>;
  query: Q;
  body: B;
  idempotencyKey: string | undefined;
  /** The versions that an If-Match names, without quotes. */
  ifMatch: IfMatch;
  request: Request;
};

interface Declared {
  method: Method;
  /** As in OpenAPI: `/v1/tenants/{tenant}`. */
  path: string;
  /** Its `operationId` in the document: the name of a function in clients. */
  id: string;
  tag: Tag;
  /** A few words. */
  summary: string;
  /** What a caller must know before the first call. */
  description: string;
  may: Permission;
  query?: z.ZodObject;
  body?: Body<unknown>;
  heeds?: readonly HeededHeader[];
  answers: Readonly<Record<number, DeclaredAnswer>>;
  /** Codes of problems besides those that follow from the rest (`problemsOf`). */
  problems?: readonly ProblemCode[];
  /** Of each POST, PUT and PATCH. */
  grows?: Grows;
}

/**
 * Does it add to what is kept? Whatever does asks the budget (libs/intake/budget.ts), since one tenant's growth is another's refusal:
 * `always`: the router asks for memory before the handler runs.
 * `sometimes`: the handler asks, because what is there already may be changed, or a repetition needs no room.
 * `never`: it shrinks, ends or shows, and works where Redis is nearly full.
 */
export type Grows = 'always' | 'sometimes' | 'never';

/** What every handler can be given. */
export type AnyAsked = Asked<'queue', string, never, never> & Asked<'tenant', string, never, never>;

/** @typeParam D what its handler works with */
export interface Endpoint<in D> extends Declared {
  handle(deps: D, asked: AnyAsked): Promise<Answer>;
}

/** Groups of endpoints, as the document shows them. */
export const TAGS = {
  Emails: 'Accept emails, look at them, and act on them until they are sent.',
  Incidents: 'Why emails stand unsent: grouped by cause, over queues.',
  Events: 'What happens, as it happens.',
  Webhooks: 'Addresses of a tenant that are told of events.',
  Statistics: 'How many emails came, were sent and failed, by hour and day.',
  Bulk: 'One action on all emails of a filter, and what takes longer than a request.',
  Content: 'Bytes for attachments and complete messages.',
  Queues: 'One queue for each application of a tenant: its settings, counts and pause.',
  Tenants: 'Tenants, their settings, and the secret that their data sources check requests with.',
  Transports: 'The SMTP servers of a tenant.',
  Suppressions: 'Addresses that the emails of a tenant do not go to.',
  Bounces: 'What comes back of emails that were sent: bounces and complaints.',
  Templates: 'Templates of a tenant, kept as numbered versions.',
  Keys: 'API keys: who may do what, where.',
  Installation: 'The whole installation: its pause, its workers, and who changed what.',
} as const;
export type Tag = keyof typeof TAGS;

type Given<O extends Over, P extends string, Q extends z.ZodObject, B> = Omit<
  Declared,
  'path' | 'may' | 'query' | 'body'
> & {
  path: P;
  may: Permission<O>;
  query?: Q;
  body?: Body<B>;
};

/** Declares an endpoint; the handler's types follow from the rest. */
export const endpoint = <D, O extends Over, const P extends string, Q extends z.ZodObject = never, B = undefined>(
  declared: Given<O, P, Q, B> & { handle(deps: D, asked: Asked<O, P, z.infer<Q>, B>): Promise<Answer> },
): Endpoint<D> => declared as unknown as Endpoint<D>;
