// Every refusal and every fault becomes a problem document (RFC 9457); nothing of the inside is shown.
import type { ErrorRequestHandler, Response } from 'express';
import { contentProblem } from '../../../libs/content/content-problem';
import { ContentStoreAway } from '../../../libs/content/store-fault';
import { Problem } from '../../../libs/mail/input/problem';
import { statusOf, toDocument } from '../../../libs/mail/input/problem-document';
import type { Log } from '../../../libs/runtime/log';
import { SecretKeyMissing } from '../../../libs/store/redis/secret-box';
import { redisProblem } from '../../../libs/store/redis/redis-problem';

/** Seconds: what is away is soon back, room has to be made. */
const RETRY_AFTER: Partial<Record<number, string>> = { 503: '2', 507: '30' };

export const sendProblem = (response: Response, problem: Problem): void => {
  // For the log of requests.
  response.locals['problem'] = problem.code;
  const status = statusOf(problem);
  const wait = problem.extra['retryAfter'] ?? RETRY_AFTER[status];
  if (wait !== undefined) response.set('Retry-After', String(wait));
  if (status === 401) response.set('WWW-Authenticate', 'Bearer realm="rohrpost"');
  response
    .status(status)
    .type('application/problem+json')
    .send(JSON.stringify(toDocument(problem)));
};

interface BodyError {
  type?: string;
  status?: number;
  limit?: number;
}

/** What body-parser and express throw. */
const ofExpress = (error: BodyError): Problem | undefined => {
  switch (error.type) {
    case 'entity.too.large':
      return new Problem(
        'too-large',
        `the body is larger than ${error.limit} bytes: upload attachments to /content, or send less at once`,
      );
    case 'encoding.unsupported':
    case 'charset.unsupported':
      return new Problem('unsupported-media-type', 'the body must be UTF-8, plain or with gzip, deflate or br');
    case 'request.aborted':
      return new Problem('bad-request', 'the request ended before its body was whole');
  }
  if (error.status !== undefined && error.status >= 400 && error.status < 500) {
    return new Problem(error.status === 404 ? 'not-found' : 'bad-request', 'the request could not be read');
  }
  return undefined;
};

export const toProblem = (error: unknown): Problem | undefined => {
  if (error instanceof Problem) return error;
  if (error instanceof SecretKeyMissing) return new Problem('key-missing', error.message);
  return (
    contentProblem(error) ??
    redisProblem(error) ??
    (typeof error === 'object' && error !== null ? ofExpress(error) : undefined)
  );
};

export const handleErrors =
  (log: Log): ErrorRequestHandler =>
  (error: unknown, request, response, next) => {
    if (response.headersSent) return next(error);
    const problem = toProblem(error);
    const requestId = response.getHeader('X-Request-Id');
    if (problem === undefined || error instanceof ContentStoreAway)
      log.error({ error, requestId, path: request.path }, 'a request broke');
    sendProblem(
      response,
      problem ??
        new Problem('internal-error', `something broke here; the log has it under the request id ${String(requestId)}`),
    );
  };
