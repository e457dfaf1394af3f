// The console: pages made of the API's own answers, for people who are signed in.
import express, { Router, type Request, type RequestHandler, type Response } from 'express';
import { notFound } from '../../../libs/mail/input/problem';
import type { Identity } from '../../../libs/mail/settings/api-key';
import type { Budget } from '../../../libs/intake/budget';
import type { KeyRates } from '../../../libs/store/limits/key-rates';
import type { Redis } from '../../../libs/store/redis/redis';
import type { Listening } from '../../../libs/store/registries/listening';
import type { PermitDeps } from '../http/auth';
import { requireRate } from '../../../libs/store/limits/credentials';
import type { Endpoint } from '../http/endpoint/endpoint';
import { toProblem } from '../http/errors';
import { refuseForeign } from '../session/same-origin';
import { problemView, sendHtml, sendShown } from './answer/answers';
import { documentOf } from './kit/layout';
import { createLiveHub } from './live/live-hub';
import { liveRoutes } from './live/live-routes';
import { createAsk } from './page/ask';
import { assetRoutes } from './page/assets';
import { readForm } from './page/form';
import type { Ask, Download, Page, Redirect, View, Visit } from './page/page';
import { PAGES } from './pages/all-pages';
import { secureBy, zoneOf } from '../session/cookies';
import { sessionRoutes } from './session/session-routes';
import { languageOf, sendSignIn, type SessionDeps } from './session/sign-in-answer';
import { sayIn } from './words/all-words';

/** Bytes of a form: templates are edited in one. */
const MOST_FORM = '2mb';
const MOST_FIELDS = 5_000;

export interface ConsoleDeps extends Omit<SessionDeps, 'isSecure'> {
  budget: Pick<Budget, 'requireMemory'>;
  keyRates: KeyRates;
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
const submit = async (
  { get, post }: { get: Page['get']; post: NonNullable<Page['post']> },
  visit: Visit,
): Promise<View | Redirect | Download> => {
  try {
    return await post(visit);
  } catch (error) {
    const problem = toProblem(error);
    if (problem === undefined || get === undefined) throw error;
    return get({ ...visit, problem });
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
  const { gate, clock, log, budget, keyRates, publicUrl } = deps;
  const askAs = createAsk(endpoints, endpointDeps, who, () => budget.requireMemory());
  const isSecure = secureBy(publicUrl);

  /** Without anybody's frame around it: who asks is not known, or cannot be found out now. */
  const sendFault = async (request: Request, response: Response, error: unknown): Promise<void> => {
    const language = languageOf(request);
    const { title, body, status = 500 } = problemView(request, response, { say: sayIn(language) }, error, log);
    const children = <main class="narrow">{body}</main>;
    await sendHtml(response, status, await documentOf({ title, language, children }));
  };

  /** @param work what is shown */
  const asSomebody = async (
    request: Request,
    response: Response,
    work: (visit: Visit) => Promise<View | Redirect | Download>,
  ): Promise<void> => {
    const identity = await gate.identityOf(request);
    if (identity === undefined) {
      const isOver = gate.tokenOf(request) !== undefined;
      const status = request.method === 'GET' ? 200 : 401;
      return sendSignIn(deps, request, response, status, isOver ? { notice: 'signIn.expired' } : {});
    }
    const visit = visitOf(request, identity, askAs(identity, request), clock.now());
    try {
      refuseForeign(request);
      await requireRate(keyRates, identity);
      await sendShown(request, response, visit, await work(visit), isSecure(request));
    } catch (error) {
      await sendShown(request, response, visit, problemView(request, response, visit, error, log), isSecure(request));
    }
  };
  const page =
    (work: (visit: Visit) => Promise<View | Redirect | Download>): RequestHandler =>
    (request, response) =>
      asSomebody(request, response, work).catch((error: unknown) => sendFault(request, response, error));

  const form = express.urlencoded({ extended: false, limit: MOST_FORM, parameterLimit: MOST_FIELDS });
  const router = Router({ caseSensitive: true });
  router.use(assetRoutes(), sessionRoutes({ ...deps, isSecure }), liveRoutes(createLiveHub(deps), gate));
  for (const { path, get, post } of PAGES) {
    if (get !== undefined) router.get(path, page(get));
    if (post !== undefined)
      router.post(
        path,
        form,
        page((visit) => submit({ get, post }, visit)),
      );
  }
  const nothing = page(() => Promise.reject(notFound()));
  router.get(/^\/(?!v1(\/|$))/, (request, response, next) =>
    request.accepts(['json', 'html']) === 'html' ? nothing(request, response, next) : next(),
  );
  return router;
};
