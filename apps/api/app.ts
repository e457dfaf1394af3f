// The HTTP application: what comes before every route, the routes, and what comes after.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import helmet from 'helmet';
import express, { type Express, type RequestHandler } from 'express';
import type { Log } from '../../libs/runtime/log';
import type { Changes } from '../../libs/store/redis/settings-cache';
import { authenticate } from './http/auth';
import { BOARD_PATH, createBoard } from './board/board';
import { createConsole } from './console/console';
import { createPeople } from './openid/person';
import { createSessionGate } from './session/session-gate';
import type { Commands } from '../../libs/administration/commands';
import { limitRates } from './http/credentials';
import { refuseUnheededKey, unknownAddress } from './http/endpoint/addresses';
import { handleErrors } from './http/errors';
import { inSequence } from './http/endpoint/in-sequence';
import { healthRoutes } from './http/health';
import { boundBodies, createBodiesInWork } from './http/bodies-in-work';
import { jsonBody } from './http/input';
import { createOpenapiDocument } from './http/endpoint/openapi';
import { endpointRouter } from './http/endpoint/router';
import { logRequests } from './http/request-log';
import type { LongWork, RouteDeps } from './http/route-deps';
import { referenceRoutes } from './reference/reference';
import { ENDPOINTS } from './routes/all-endpoints';
import { readWholeBody } from './http/drain-body';

/**
 * What every answer tells a browser: it is nobody's page, script or frame; a page of ours says otherwise for itself. Helmet's headers,
 * the strict values where it has a choice.
 */
const strict = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"] },
  },
  xFrameOptions: { action: 'deny' },
  // Heeded over TLS alone, which is the proxy's; other names below it are not ours to speak for.
  strictTransportSecurity: { includeSubDomains: false },
});

/** Helmet is asked once: it says the same of every answer, and would go through 15 functions for each. */
const securityHeaders = (): Map<string, string> => {
  const headers = new Map<string, string>();
  const answer = {
    setHeader: (name: string, value: string) => headers.set(name, value),
    removeHeader: () => undefined,
  };
  strict({} as IncomingMessage, answer as unknown as ServerResponse, (error) => {
    if (error !== undefined) throw new Error('the security headers could not be made', { cause: error });
  });
  return headers;
};

const everyAnswer = (): RequestHandler => {
  const headers = securityHeaders().set('Cache-Control', 'no-store');
  return (request, response, next) => {
    const given = request.get('X-Request-Id');
    response.setHeader('X-Request-Id', given !== undefined && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID());
    response.setHeaders(headers);
    next();
  };
};

export const createApp = (
  deps: RouteDeps,
  changes: Changes,
  work: LongWork & { commands: Commands },
  log: Log,
  stopping: () => boolean,
): Express => {
  const { maxBody, render, trustedProxies = [] } = deps.config;
  const app = express().disable('x-powered-by').disable('etag').set('case sensitive routing', true);
  app.set('trust proxy', trustedProxies);
  app.use(
    inSequence(everyAnswer(), readWholeBody(4 * maxBody), logRequests(log, deps.mailLog, deps.requestMetrics.answered)),
  );
  const who = { tenants: deps.tenants, trusted: render.trusted };
  const working = { ...deps, ...work, bodies: createBodiesInWork(maxBody) };
  const api = inSequence(
    authenticate(deps.credentials),
    limitRates(deps.keyRates),
    refuseUnheededKey(ENDPOINTS),
    endpointRouter(
      ENDPOINTS,
      working,
      who,
      () => deps.budget.requireMemory(),
      inSequence(boundBodies(working.bodies), ...jsonBody(maxBody)),
    ),
  );
  app.use((request, response, next) => (/^\/v1(\/|$)/.test(request.path) ? api(request, response, next) : next()));

  app.use(healthRoutes(deps, render.trusted, stopping));
  const openapi = createOpenapiDocument(ENDPOINTS);
  app.get('/openapi.json', (_request, response) => void response.json(openapi()));
  app.use(referenceRoutes(openapi));
  const people = createPeople(deps.config.oidc);
  const gate = createSessionGate({ ...deps, people, publicUrl: deps.config.publicUrl });
  app.use(BOARD_PATH, createBoard(deps, changes, work.commands, gate));
  const withPages = { ...deps, people, gate, log, stopping, publicUrl: deps.config.publicUrl };
  app.use(createConsole(ENDPOINTS, working, who, withPages));
  app.use(unknownAddress(ENDPOINTS));
  app.use(handleErrors(log));
  return app;
};
