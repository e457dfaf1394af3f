// The HTTP application: what comes before every route, the routes, and what comes after.
import { randomUUID } from 'node:crypto';
import express, { type Express, type RequestHandler } from 'express';
import type { Log } from '../../libs/runtime/log';
import type { Operations } from '../../libs/queue/operations';
import type { Changes } from '../../libs/store/changes';
import { authenticate } from './auth';
import { BOARD_PATH, createBoard } from './board';
import type { BulkOrder } from './bulk-order';
import type { Commands } from './commands';
import { handleErrors, unknownAddress } from './errors';
import { healthRoutes } from './health';
import { jsonBody } from './input';
import { openapiDocument } from './openapi';
import type { Rooms } from './rooms';
import { auditRoutes } from './routes/audit';
import { contentRoutes } from './routes/content';
import { emailActionRoutes } from './routes/email-actions';
import { emailRoutes } from './routes/emails';
import { installationRoutes } from './routes/installation';
import { keyRoutes } from './routes/keys';
import { bulkRoutes, operationRoutes, tenantBulkRoutes } from './routes/operations';
import { queueRoutes } from './routes/queues';
import { signingSecretRoutes } from './routes/signing-secret';
import { templateRoutes } from './routes/templates';
import { tenantRoutes } from './routes/tenants';
import { transportRoutes } from './routes/transports';

const HEADERS = Object.entries({
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
});

const everyAnswer: RequestHandler = (request, response, next) => {
  const given = request.get('X-Request-Id');
  response.setHeader('X-Request-Id', given !== undefined && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID());
  for (const [name, value] of HEADERS) response.setHeader(name, value);
  next();
};

const logRequests =
  (log: Log): RequestHandler =>
  (request, response, next) => {
    const begun = performance.now();
    response.once('finish', () => {
      const isFault = response.statusCode >= 500;
      if (!isFault && !log.isLevelEnabled('debug')) return;
      const line = {
        requestId: response.getHeader('X-Request-Id'),
        method: request.method,
        path: request.originalUrl.split('?')[0],
        status: response.statusCode,
        ms: Math.round(performance.now() - begun),
      };
      if (isFault) log.warn(line, 'request');
      else log.debug(line, 'request');
    });
    next();
  };

export const createApp = (
  rooms: Rooms,
  changes: Changes,
  commands: Commands,
  operations: Operations<BulkOrder>,
  log: Log,
): Express => {
  const app = express().disable('x-powered-by').disable('etag').set('case sensitive routing', true);
  app.use(everyAnswer, logRequests(log));
  app.use('/v1', authenticate(rooms.keys));
  app.use('/v1/queues/:tenant/:application/content', contentRoutes(rooms));
  app.use('/v1', ...jsonBody(rooms.config.maxBody));
  app.use('/v1/queues/:tenant/:application/emails/bulk', bulkRoutes(rooms, operations));
  app.use('/v1/queues/:tenant/:application/emails', emailRoutes(rooms), emailActionRoutes(rooms, commands));
  app.use('/v1/queues', queueRoutes(rooms));
  app.use('/v1/tenants/:tenant/bulk', tenantBulkRoutes(rooms, operations));
  app.use('/v1/tenants/:tenant/transports', transportRoutes(rooms));
  app.use('/v1/tenants/:tenant/templates', templateRoutes(rooms));
  app.use('/v1/tenants/:tenant/signing-secret', signingSecretRoutes(rooms));
  app.use('/v1/tenants', tenantRoutes(rooms));
  app.use('/v1', installationRoutes(rooms));
  app.use('/v1/keys', keyRoutes(rooms));
  app.use('/v1/operations', operationRoutes(operations));
  app.use('/v1/audit', auditRoutes(rooms.audit));

  app.use(healthRoutes(rooms.redis, rooms.config.render.trusted));
  app.get('/openapi.json', (_request, response) => void response.json(openapiDocument()));
  app.use(BOARD_PATH, createBoard(rooms, changes, commands));
  app.use(unknownAddress);
  app.use(handleErrors(log));
  return app;
};
