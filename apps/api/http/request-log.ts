// What is told of requests: all are counted; those that were refused and those that broke are logged, the others where everything is wanted.
import type { Request, RequestHandler, Response } from 'express';
import { signatureOf, type Identity } from '../../../libs/mail/settings/api-key';
import type { MailLog } from '../../../libs/events/mail-log';
import { SLUG } from '../../../libs/mail/address/queue-address';
import type { Log } from '../../../libs/runtime/log';
import type { RequestMetrics } from '../telemetry/api-metrics';

const PLACE = /^\/v1\/(?:tenants\/([^/]+)|queues\/([^/]+)(?:\/([^/]+))?)/;

const slug = (text: string | undefined): string | undefined =>
  text !== undefined && SLUG.test(text) ? text : undefined;

const factsOf = (request: Request, response: Response, begun: number) => {
  const [path = ''] = request.originalUrl.split('?');
  const [, tenant, ofQueue, application] = PLACE.exec(path) ?? [];
  const identity = response.locals['identity'] as Identity | undefined;
  return {
    requestId: String(response.getHeader('X-Request-Id')),
    method: request.method,
    path,
    status: response.statusCode,
    code: response.locals['problem'] as string | undefined,
    tenant: slug(tenant ?? ofQueue),
    application: slug(application),
    by: identity && signatureOf(identity),
    ms: Math.round(performance.now() - begun),
  };
};

/** The id in a key that looks like one of ours; the rest of it is the secret. */
const keyIdOf = (request: Request): string | undefined =>
  /^Bearer +rp_([0-9a-f]{12})_/i.exec(request.headers.authorization ?? '')?.[1];

/** Never a body, a query, a key or an address of mail. */
export const logRequests =
  (log: Log, mailLog: MailLog, answered: RequestMetrics['answered']): RequestHandler =>
  (request, response, next) => {
    const begun = performance.now();
    response.once('finish', () => {
      const { statusCode: status } = response;
      answered(response.locals['operation'] as string | undefined, status, performance.now() - begun);
      if (status < 400 && !log.isLevelEnabled('debug')) return;
      const facts = factsOf(request, response, begun);
      if (status === 401) mailLog.wrongKey({ ...facts, keyId: keyIdOf(request), remote: request.socket.remoteAddress });
      else if (status >= 400 && status < 500) mailLog.refused(facts);
      else if (status >= 500) log.warn(facts, 'request');
      else log.debug(facts, 'request');
    });
    next();
  };
