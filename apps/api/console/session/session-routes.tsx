// Signing in and out, and the language in which a reader wants to read.
import express, { Router, type Request, type RequestHandler, type Response } from 'express';
import { Problem } from '../../../../libs/mail/input/problem';
import { statusOf } from '../../../../libs/mail/input/problem-document';
import type { ApiKeys } from '../../../../libs/store/registries/api-keys';
import { SESSION_IDLE_S, type Sessions } from '../../../../libs/store/registries/sessions';
import type { Credentials } from '../../http/credentials';
import { toProblem } from '../../http/errors';
import { refuseForeign } from '../../session/same-origin';
import { sendHtml } from '../answer/answers';
import { readForm } from '../page/form';
import { documentOf } from '../kit/layout';
import { sayIn, type WordKey } from '../words/all-words';
import { isLanguage, wantedLanguage, type Language } from '../words/words';
import { cookieOf, LANGUAGE, SESSION, setCookie } from '../../session/cookies';
import { leaveNotice, takeNotice } from '../answer/notice';
import type { SessionGate } from '../../session/session-gate';
import { maySignIn, SignIn } from './sign-in';

const YEAR_S = 31_536_000;
const LONGEST_NAME = 60;

export interface SessionDeps {
  keys: ApiKeys;
  sessions: Sessions;
  gate: SessionGate;
  credentials: Credentials;
  /** Whether the browser reaches this site over TLS. */
  isSecure(this: void, request: Request): boolean;
}

export const languageOf = (request: Request): Language => {
  const chosen = cookieOf(request, LANGUAGE);
  return isLanguage(chosen) ? chosen : wantedLanguage(request.get('Accept-Language'));
};

/** A path of this site; anything else becomes the start page. */
const safePath = (to: string | undefined): string => (to !== undefined && /^\/(?![/\\])[^\\\s]*$/.test(to) ? to : '/');

/** The page where people sign in; afterwards they come back to where they were. */
export const sendSignIn = (
  request: Request,
  response: Response,
  status: number,
  told: { notice?: WordKey; refusal?: string } = {},
): void => {
  const language = languageOf(request);
  const say = sayIn(language);
  const form = readForm(request.body as unknown);
  const to = safePath(form.get('to') ?? (request.method === 'GET' ? request.originalUrl : '/'));
  const notice = told.notice === undefined ? takeNotice(request, response, say) : say(told.notice);
  const body = <SignIn say={say} refusal={told.refusal} notice={notice} person={form.get('person')} to={to} />;
  sendHtml(response, status, documentOf({ title: say('signIn.title'), language, children: body }));
};

/** What is refused with a reason is told on the page. */
const toProblemOrThrow = (error: unknown): Problem => {
  const problem = toProblem(error);
  if (problem === undefined) throw error;
  return problem;
};

const signIn =
  ({ keys, sessions, credentials, isSecure }: SessionDeps): RequestHandler =>
  async (request, response) => {
    refuseForeign(request);
    const form = readForm(request.body as unknown);
    const say = sayIn(languageOf(request));
    const key = form.get('key') ?? '';
    const identity = key === '' ? undefined : await credentials.identify(request, key).catch(toProblemOrThrow);
    if (identity instanceof Problem)
      return sendSignIn(request, response, statusOf(identity), { refusal: identity.message });
    if (identity === undefined) return sendSignIn(request, response, 401, { refusal: say('signIn.wrong') });
    if (!maySignIn(identity))
      return sendSignIn(request, response, 403, { refusal: say('signIn.role', { role: identity.role }) });
    const person = form
      .get('person')
      ?.replace(/[^\p{L}\p{M}\p{N} .,'’_-]/gu, '')
      .slice(0, LONGEST_NAME);
    const token = await sessions.start({ key: identity.id, proof: keys.proofOf(key), ...(person && { person }) });
    setCookie(response, SESSION, token, isSecure(request), SESSION_IDLE_S);
    response.redirect(303, safePath(form.get('to')));
  };

const signOut =
  ({ sessions, gate, isSecure }: SessionDeps): RequestHandler =>
  async (request, response) => {
    refuseForeign(request);
    const token = cookieOf(request, SESSION);
    const identity = await gate.identityOf(request);
    const all = readForm(request.body as unknown).has('all');
    if (all && identity !== undefined) await sessions.endAllOf(identity.id);
    if (token !== undefined) await sessions.end(token);
    response.clearCookie(SESSION, { path: '/' });
    leaveNotice(response, isSecure(request), 'signIn.ended');
    response.redirect(303, '/');
  };

const chooseLanguage =
  ({ isSecure }: SessionDeps): RequestHandler =>
  (request, response) => {
    refuseForeign(request);
    const form = readForm(request.body as unknown);
    const language = form.get('language');
    if (isLanguage(language)) setCookie(response, LANGUAGE, language, isSecure(request), YEAR_S);
    response.redirect(303, safePath(form.get('to')));
  };

export const sessionRoutes = (deps: SessionDeps): Router => {
  const form = express.urlencoded({ extended: false, limit: '10kb' });
  const router = Router({ caseSensitive: true });
  router.post('/session', form, signIn(deps));
  router.post('/session/end', form, signOut(deps));
  router.post('/console/language', form, chooseLanguage(deps));
  return router;
};
