// The console: pages made of the API's own answers, for people who are signed in.
import express, { Router, type Request, type RequestHandler } from 'express';
import { Problem } from '../../../libs/mail/input/problem';
import type { Identity } from '../../../libs/mail/settings/api-key';
import type { Budget } from '../../../libs/intake/budget';
import type { Clock } from '../../../libs/runtime/clock';
import type { Log } from '../../../libs/runtime/log';
import type { Redis } from '../../../libs/store/redis/redis';
import type { Listening } from '../../../libs/store/registries/listening';
import type { PermitDeps } from '../http/auth';
import type { Endpoint } from '../http/endpoint/endpoint';
import { toProblem } from '../http/errors';
import { refuseForeign } from '../session/same-origin';
import { problemView, sendShown } from './answer/answers';
import { createLiveHub } from './live/live-hub';
import { liveRoutes } from './live/live-routes';
import { createAsk } from './page/ask';
import { assetRoutes } from './page/assets';
import { readForm } from './page/form';
import type { Ask, Download, Page, Redirect, View, Visit } from './page/page';
import { PAGES } from './pages/all-pages';
import { cookieOf, SESSION, zoneOf } from '../session/cookies';
import { sessionRoutes } from './session/session-routes';
import { languageOf, sendSignIn, type SessionDeps } from './session/sign-in-answer';
import { sayIn } from './words/all-words';

/** Bytes of a form: templates are edited in one. */
const MOST_FORM = '2mb';
const MOST_FIELDS = 5_000;

export interface ConsoleDeps extends Omit<SessionDeps, 'isSecure'> {
  clock: Clock;
  budget: Pick<Budget, 'requireMemory'>;
  log: Log;
  redis: Redis;
  listening: Listening;
  /** The process stops. */
  stopping: () => boolean;
  /** As browsers reach the service; where it is not given, what they say counts. */
  publicUrl?: string | undefined;
}

const visitOf = (request: Request, identity: Identity, ask: Ask, now: number): Visit => {
  const language = languageOf(request);
  const query = Object.entries(request.query).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : undefined,
  ]);
  return {
    identity,
    path: request.path,
    url: request.originalUrl,
    params: request.params as Record<string, string>,
    query: Object.fromEntries(query) as Visit['query'],
    form: readForm(request.method === 'POST' ? (request.body as unknown) : undefined),
    ask,
    say: sayIn(language),
    language,
    zone: zoneOf(request),
    now,
  };
};

/** Does what a form asks for; where it is refused, its page is shown once more, with what was typed. */
const submit = async (page: Page, visit: Visit): Promise<View | Redirect | Download> => {
  try {
    if (page.post === undefined) throw new Problem('method-not-allowed', 'nothing can be sent to this page');
    return await page.post(visit);
  } catch (error) {
    const problem = toProblem(error);
    if (problem === undefined || page.get === undefined) throw error;
    return page.get({ ...visit, problem });
  }
};

/**
 * @param endpoints what the pages ask
 * @param endpointDeps what those work with
 */
export const createConsole = <D,>(
  endpoints: readonly Endpoint<D>[],
  endpointDeps: D,
  who: PermitDeps,
  deps: ConsoleDeps,
): Router => {
  const { gate, clock, log, budget, publicUrl } = deps;
  const askAs = createAsk(endpoints, endpointDeps, who, () => budget.requireMemory());
  const isSecure = (request: Request): boolean =>
    publicUrl === undefined ? request.secure : publicUrl.startsWith('https:');

  const handle =
    (page: Page): RequestHandler =>
    async (request, response, next) => {
      if (page.get === undefined && request.method === 'GET') return next();
      const identity = await gate.identityOf(request);
      if (identity === undefined) {
        const isOver = cookieOf(request, SESSION) !== undefined;
        return sendSignIn(
          request,
          response,
          request.method === 'GET' ? 200 : 401,
          isOver ? { notice: 'signIn.expired' } : {},
        );
      }
      const visit = visitOf(request, identity, askAs(identity, request), clock.now());
      try {
        refuseForeign(request);
        const shown = request.method === 'POST' ? await submit(page, visit) : await page.get?.(visit);
        if (shown === undefined) return next();
        sendShown(request, response, visit, shown, isSecure(request));
      } catch (error) {
        const shown = problemView(request, response, visit, error, log);
        sendShown(request, response, visit, shown, isSecure(request));
      }
    };

  const form = express.urlencoded({ extended: false, limit: MOST_FORM, parameterLimit: MOST_FIELDS });
  const router = Router({ caseSensitive: true });
  router.use(assetRoutes(), sessionRoutes({ ...deps, isSecure }), liveRoutes(createLiveHub(deps), gate));
  for (const page of PAGES) {
    if (page.get !== undefined) router.get(page.path, handle(page));
    if (page.post !== undefined) router.post(page.path, form, handle(page));
  }
  return router;
};
