// The HTTP application: what comes before every route, the routes, and what comes after.
import { randomUUID } from 'node:crypto';
import helmet from 'helmet';
import express, { type Express, type RequestHandler } from 'express';
import type { Log } from '../../libs/runtime/log';
import type { Operations } from '../../libs/internal-queues/operations';
import type { Changes } from '../../libs/store/redis/changes';
import { authenticate } from './http/auth';
import { BOARD_PATH, createBoard } from './board/board';
import type { BulkOperation } from '../../libs/administration/bulk/bulk-operation';
import type { Commands } from '../../libs/administration/commands';
import { limitRates } from './http/credentials';
import { refuseUnheededKey, unknownAddress } from './http/described';
import { handleErrors } from './http/errors';
import { healthRoutes } from './http/health';
import { boundBodies } from './http/bodies-in-work';
import { jsonBody } from './http/input';
import { openapiDocument } from './http/openapi';
import { logRequests } from './http/request-log';
import type { Rooms } from './http/rooms';
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
import { readWholeBody } from './http/whole-body';
import { workerRoutes } from './routes/workers';

/**
 * What every answer tells a browser: it is nobody's page, script or frame; a page of ours says otherwise for itself. Helmet's headers,
 * the strict values where it has a choice.
 */
const securityHeaders: RequestHandler = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"] },
  },
  xFrameOptions: { action: 'deny' },
  // Heeded over TLS alone, which is the proxy's; other names below it are not ours to speak for.
  strictTransportSecurity: { includeSubDomains: false },
}) as RequestHandler;

const everyAnswer: RequestHandler = (request, response, next) => {
  const given = request.get('X-Request-Id');
  response.setHeader('X-Request-Id', given !== undefined && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID());
  response.setHeader('Cache-Control', 'no-store');
  next();
};

export const createApp = (
  rooms: Rooms,
  changes: Changes,
  commands: Commands,
  operations: Operations<BulkOperation>,
  log: Log,
  stopping: () => boolean,
): Express => {
  const app = express().disable('x-powered-by').disable('etag').set('case sensitive routing', true);
  app.set('trust proxy', rooms.config.trustedProxies ?? []);
  app.use(everyAnswer, securityHeaders, readWholeBody(4 * rooms.config.maxBody), logRequests(log, rooms.mailLog));
  app.use('/v1', authenticate(rooms.credentials), limitRates(rooms.keyRates), refuseUnheededKey);
  app.use('/v1/queues/:tenant/:application/content', contentRoutes(rooms));
  app.use('/v1', boundBodies(rooms.config.maxBody), ...jsonBody(rooms.config.maxBody));
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
  app.use('/v1/operations', operationRoutes(rooms, operations));
  app.use('/v1/audit', auditRoutes(rooms));
  app.use('/v1/workers', workerRoutes(rooms));

  app.use(healthRoutes(rooms, rooms.config.render.trusted, stopping));
  app.get('/openapi.json', (_request, response) => void response.json(openapiDocument()));
  app.use(BOARD_PATH, createBoard(rooms, changes, commands));
  app.use(unknownAddress);
  app.use(handleErrors(log));
  return app;
};
