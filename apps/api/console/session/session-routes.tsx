// Signing in and out, and the language in which a reader wants to read.
import express, { Router, type RequestHandler } from 'express';
import { Problem } from '../../../../libs/mail/input/problem';
import { personName } from '../../../../libs/mail/people/person';
import { statusOf } from '../../../../libs/mail/input/problem-document';
import { SESSION_IDLE_S, type Session } from '../../../../libs/store/registries/sessions';
import { toProblem } from '../../http/errors';
import { RETURN_PATH } from '../../openid/provider';
import { refuseForeign } from '../../session/same-origin';
import { readForm } from '../page/form';
import { sayIn } from '../words/all-words';
import { isLanguage } from '../words/words';
import { clearSession, LANGUAGE, setCookie, setSession } from '../../session/cookies';
import { leaveNotice } from '../answer/notice';
import { choosePlace, showPlaces } from './choose-place';
import { sendOnward } from './onward';
import { beginSignIn, finishSignIn, ID_TOKEN_PLACE } from './openid-routes';
import { offerSession, takeUpSession } from './sign-in-once';
import { maySignIn } from './sign-in';
import { languageOf, safePath, sendSignIn, type SessionDeps } from './sign-in-answer';

const YEAR_S = 31_536_000;

/** What is refused with a reason is told on the page. */
const toProblemOrThrow = (error: unknown): Problem => {
  const problem = toProblem(error);
  if (problem === undefined) throw error;
  return problem;
};

const signIn =
  (deps: SessionDeps): RequestHandler =>
  async (request, response) => {
    const { keys, sessions, credentials, isSecure } = deps;
    refuseForeign(request);
    const form = readForm(request.body as unknown);
    const say = sayIn(languageOf(request));
    const key = form.get('key') ?? '';
    const identity = key === '' ? undefined : await credentials.identify(request, key).catch(toProblemOrThrow);
    if (identity instanceof Problem)
      return sendSignIn(deps, request, response, statusOf(identity), { refusal: identity.message });
    if (identity === undefined) return sendSignIn(deps, request, response, 401, { refusal: say('signIn.wrong') });
    if (!maySignIn(identity))
      return sendSignIn(deps, request, response, 403, { refusal: say('signIn.role', { role: identity.role }) });
    const person = personName(form.get('person') ?? '');
    const token = await sessions.start({ key: identity.id, proof: keys.proofOf(key), ...(person && { person }) });
    setSession(response, token, isSecure(request), SESSION_IDLE_S);
    response.redirect(303, safePath(form.get('to')));
  };

/** @returns where somebody also signs out of the provider that they signed in by; undefined where there is no such place now */
const endAtProvider = async ({ provider, secrets }: SessionDeps, session: Session): Promise<string | undefined> => {
  if (!('signedIn' in session) || session.signedIn.issuer !== provider?.issuer) return undefined;
  const { idToken } = session.signedIn;
  const isOpen = idToken !== undefined && secrets.holds(idToken);
  return provider.endOf(isOpen ? secrets.open(idToken, ID_TOKEN_PLACE) : undefined);
};

const signOut =
  (deps: SessionDeps): RequestHandler =>
  async (request, response) => {
    const { sessions, gate, isSecure } = deps;
    refuseForeign(request);
    const token = gate.tokenOf(request);
    const session = await gate.sessionOf(request);
    const identity = await gate.identityOf(request);
    const all = readForm(request.body as unknown).has('all');
    if (all && identity !== undefined) await sessions.endAllOf(identity.id);
    if (token !== undefined) await sessions.end(token);
    clearSession(response, isSecure(request));
    leaveNotice(response, isSecure(request), 'signIn.ended');
    const elsewhere = session && (await endAtProvider(deps, session));
    if (elsewhere === undefined) response.redirect(303, '/');
    else await sendOnward(response, languageOf(request), 'signIn.endedHere', elsewhere);
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
  router.get('/session/place', showPlaces(deps));
  router.post('/session/place', form, choosePlace(deps));
  router.post('/console/language', form, chooseLanguage(deps));
  const { provider, config } = deps;
  if (provider !== undefined && config.oidc !== undefined) {
    const openid = { ...deps, provider, oidc: config.oidc };
    router.get('/session/oidc', beginSignIn(openid));
    router.get(RETURN_PATH, finishSignIn(openid));
  }
  return router;
};
