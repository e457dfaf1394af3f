// The client: every operation with its types, and the usual ones in a word.
import createOpenapiClient, { type Client } from 'openapi-fetch';
import { unwrap } from './problem.js';
import { repeating, type RepeatOptions } from './repeat.js';
import type { components, paths } from './schema.js';

type Schemas = components['schemas'];
export type Email = Schemas['Email'];
export type EmailDetails = Schemas['EmailDetails'];
export type EmailSummary = Schemas['EmailPage']['emails'][number];
export type Receipt = Schemas['Receipt'];
export type ResendReceipt = Schemas['ResendReceipt'];
export type BatchResults = Schemas['BatchResults'];
/** `tenant/application`. */
export type Queue = `${string}/${string}`;

type EmailQuery = NonNullable<paths['/v1/emails']['get']['parameters']['query']>;
/** Which emails: of a queue, of a tenant, or all that the key reaches; `limit` is how many a page has. */
export type EmailFilter = Omit<EmailQuery, 'cursor'> & { queue?: Queue; tenant?: string };

export interface ClientOptions extends RepeatOptions {
  /** Where the API is; in a browser it may be the page's own origin: ''. */
  url: string;
  key: string;
  /** Used instead of the global one. */
  fetch?: (request: Request) => Promise<Response>;
}

interface SendOptions {
  /** 1 to 255 printable ASCII characters. The same one for the same email, also after a restart, sends it once; it is a random one where none is given. */
  idempotencyKey?: string;
  signal?: AbortSignal;
}

interface Page {
  nextCursor: string | null;
}

/** Also where there is no secure context, in which browsers have no `randomUUID`. */
const randomKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

const placeOf = (queue: Queue): { tenant: string; application: string } => {
  const [tenant = '', application = ''] = queue.split('/');
  return { tenant, application };
};

/** Page by page, as they are asked for. */
const each = async function* <P extends Page, T>(
  read: (cursor: { cursor?: string }) => Promise<P>,
  of: (page: P) => T[],
): AsyncGenerator<T, void, undefined> {
  let next: { cursor?: string } | undefined = {};
  while (next !== undefined) {
    const page: P = await read(next);
    yield* of(page);
    next = page.nextCursor === null ? undefined : { cursor: page.nextCursor };
  }
};

const emailsOf = (api: Client<paths>) => {
  const inQueue = (queue: Queue, { idempotencyKey = randomKey(), signal }: SendOptions) => ({
    params: { path: placeOf(queue), header: { 'Idempotency-Key': idempotencyKey } },
    ...(signal && { signal }),
  });
  const pageOf = ({ queue, tenant, ...filter }: EmailFilter, cursor: { cursor?: string }) => {
    const query = { ...filter, ...cursor };
    if (queue !== undefined)
      return unwrap(api.GET('/v1/queues/{tenant}/{application}/emails', { params: { path: placeOf(queue), query } }));
    return tenant === undefined
      ? unwrap(api.GET('/v1/emails', { params: { query } }))
      : unwrap(api.GET('/v1/tenants/{tenant}/emails', { params: { path: { tenant }, query } }));
  };
  return {
    /**
     * Puts an email into a queue. It is repeated where the network or the service fails, and accepted once all the same.
     * @returns when the email is not lost any more
     */
    send: (queue: Queue, email: Email, options: SendOptions = {}): Promise<Receipt> =>
      // The other answer is that of a stream of lines.
      unwrap(
        api.POST('/v1/queues/{tenant}/{application}/emails', { ...inQueue(queue, options), body: email }),
      ) as Promise<Receipt>,

    /**
     * Up to 1,000 emails; each is accepted or refused by itself. Where none is accepted, that is no error: see the results.
     * @throws RohrpostProblem where the batch as a whole is refused
     */
    sendBatch: async (queue: Queue, batch: Schemas['Batch'], options: SendOptions = {}): Promise<BatchResults> => {
      const path = '/v1/queues/{tenant}/{application}/emails/batch';
      const answer = await api.POST(path, { ...inQueue(queue, options), body: batch });
      if (answer.error !== undefined && 'results' in answer.error) return answer.error;
      return (await unwrap(Promise.resolve(answer))) as BatchResults;
    },

    /** Sends an email of the history again: a new email. */
    resend: (
      queue: Queue,
      id: string,
      how: Schemas['Resend'] = { mode: 'render' },
      { idempotencyKey = randomKey(), signal }: SendOptions = {},
    ): Promise<ResendReceipt> =>
      unwrap(
        api.POST('/v1/queues/{tenant}/{application}/emails/{id}/resend', {
          params: { path: { ...placeOf(queue), id }, header: { 'Idempotency-Key': idempotencyKey } },
          body: how,
          ...(signal && { signal }),
        }),
      ),

    /** One email, with its attempts, what servers said, and its changes. */
    get: (queue: Queue, id: string): Promise<EmailDetails> =>
      unwrap(api.GET('/v1/queues/{tenant}/{application}/emails/{id}', { params: { path: { ...placeOf(queue), id } } })),

    /** Emails, newest first, over as many pages as there are: `for await (const email of client.emails.list(...))`. */
    list: (filter: EmailFilter = {}): AsyncGenerator<EmailSummary, void, undefined> =>
      each(
        (cursor) => pageOf(filter, cursor),
        ({ emails }) => emails,
      ),
  };
};

/** @returns a client; it keeps no connection and needs no closing */
export const createClient = ({
  url,
  key,
  fetch: given = (request) => globalThis.fetch(request),
  ...repeat
}: ClientOptions) => {
  const api = createOpenapiClient<paths>({
    baseUrl: url,
    headers: { Authorization: `Bearer ${key}` },
    fetch: repeating(given, repeat),
  });
  return {
    /** Every operation of the API by its method and path (openapi-fetch); `unwrap` makes its refusals errors. */
    api,
    emails: emailsOf(api),
    /** All tenants, by name. For the operator. */
    tenants: () =>
      each(
        (cursor) => unwrap(api.GET('/v1/tenants', { params: { query: cursor } })),
        ({ tenants }) => tenants,
      ),
    /** The queues that the key reaches, by name. */
    queues: () =>
      each(
        (cursor) => unwrap(api.GET('/v1/queues', { params: { query: cursor } })),
        ({ queues }) => queues,
      ),
  };
};

export type RohrpostClient = ReturnType<typeof createClient>;
