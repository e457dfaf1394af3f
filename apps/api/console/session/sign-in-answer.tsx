// Answers with the page where people sign in, in their language.
import type { Request, Response } from 'express';
import type { ApiKeys } from '../../../../libs/store/registries/api-keys';
import type { Sessions } from '../../../../libs/store/registries/sessions';
import type { Credentials } from '../../http/credentials';
import { cookieOf, LANGUAGE } from '../../session/cookies';
import type { SessionGate } from '../../session/session-gate';
import { sendHtml } from '../answer/answers';
import { takeNotice } from '../answer/notice';
import { documentOf } from '../kit/layout';
import { readForm } from '../page/form';
import { sayIn, type WordKey } from '../words/all-words';
import { isLanguage, wantedLanguage, type Language } from '../words/words';
import { SignIn } from './sign-in';

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
export const safePath = (to: string | undefined): string =>
  to !== undefined && /^\/(?![/\\])[^\\\s]*$/.test(to) ? to : '/';

/** The page where people sign in; afterwards they come back to where they were. */
export const sendSignIn = async (
  request: Request,
  response: Response,
  status: number,
  told: { notice?: WordKey; refusal?: string } = {},
  here = request.originalUrl,
): Promise<void> => {
  const language = languageOf(request);
  const say = sayIn(language);
  const form = readForm(request.body as unknown);
  const to = safePath(form.get('to') ?? (request.method === 'GET' ? here : '/'));
  const notice = told.notice === undefined ? takeNotice(request, response, say) : say(told.notice);
  const body = <SignIn say={say} refusal={told.refusal} notice={notice} person={form.get('person')} to={to} />;
  await sendHtml(response, status, await documentOf({ title: say('signIn.title'), language, children: body }));
};
