// Signing in and out, and the language in which a reader wants to read.
import express, { Router, type RequestHandler } from 'express';
import { Problem } from '../../../../libs/mail/input/problem';
import { statusOf } from '../../../../libs/mail/input/problem-document';
import { SESSION_IDLE_S } from '../../../../libs/store/registries/sessions';
import { toProblem } from '../../http/errors';
import { refuseForeign } from '../../session/same-origin';
import { readForm } from '../page/form';
import { sayIn } from '../words/all-words';
import { isLanguage } from '../words/words';
import { cookieOf, LANGUAGE, SESSION, setCookie } from '../../session/cookies';
import { leaveNotice } from '../answer/notice';
import { offerSession, takeUpSession } from './sign-in-once';
import { maySignIn } from './sign-in';
import { languageOf, safePath, sendSignIn, type SessionDeps } from './sign-in-answer';

const YEAR_S = 31_536_000;
const LONGEST_NAME = 60;

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
  router.post('/session/once', offerSession(deps));
  router.get('/session/once/:token', takeUpSession(deps));
  router.post('/session/end', form, signOut(deps));
  router.post('/console/language', form, chooseLanguage(deps));
  return router;
};
