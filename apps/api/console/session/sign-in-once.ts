// A link that signs in whoever follows it on this machine, once: a key asks for it, for itself.
import type { Request, RequestHandler } from 'express';
import { Problem } from '../../../../libs/mail/input/problem';
import { SESSION_IDLE_S } from '../../../../libs/store/registries/sessions';
import { bearerOf } from '../../http/auth';
import { setSession } from '../../session/cookies';
import { sayIn } from '../words/all-words';
import { languageOf, sendSignIn, type SessionDeps } from './sign-in-answer';
import { maySignIn } from './sign-in';

const LOOPBACK = /^(::ffff:)?127\.|^::1$/;
const LOCAL_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i;

/** From this machine itself, and under its own name: no proxy in between, nor a name of elsewhere that leads here. */
const isLocal = (request: Request): boolean =>
  LOOPBACK.test(request.socket.remoteAddress ?? '') &&
  LOCAL_HOST.test(request.get('Host') ?? '') &&
  ['forwarded', 'x-forwarded-for', 'x-real-ip'].every((name) => request.headers[name] === undefined);

const refuse = (detail: string): Problem => new Problem('forbidden', detail);

/** Answers 201 and the path of the link. @throws Problem `unauthenticated`, `forbidden` */
export const offerSession =
  ({ keys, sessions, credentials }: SessionDeps): RequestHandler =>
  async (request, response) => {
    const key = bearerOf(request) ?? '';
    const identity = key === '' ? undefined : await credentials.identify(request, key);
    if (identity === undefined) throw new Problem('unauthenticated', 'a key is needed, as a Bearer token');
    if (!isLocal(request)) throw refuse('such a link is given on the machine itself where the service runs');
    if (!maySignIn(identity)) throw refuse(`a key with the role ${identity.role} cannot sign in at the console`);
    const token = await sessions.offer({ key: identity.id, proof: keys.proofOf(key) });
    response.status(201).json({ path: `/session/once/${token}` });
  };

export const takeUpSession =
  (deps: SessionDeps): RequestHandler =>
  async (request, response) => {
    const { sessions, isSecure } = deps;
    const say = sayIn(languageOf(request));
    if (!isLocal(request))
      return sendSignIn(deps, request, response, 403, { refusal: say('signIn.onceElsewhere') }, '/');
    const offered = await sessions.takeUp(String(request.params['token']));
    if (offered === undefined)
      return sendSignIn(deps, request, response, 401, { refusal: say('signIn.onceOver') }, '/');
    setSession(response, await sessions.start(offered), isSecure(request), SESSION_IDLE_S);
    response.redirect(303, '/');
  };
