// Answers with the page where people sign in, in their language.
import type { Request, Response } from 'express';
import type { Audit } from '../../../../libs/events/audit';
import type { Clock } from '../../../../libs/runtime/clock';
import type { Log } from '../../../../libs/runtime/log';
import type { SecretBox } from '../../../../libs/store/redis/secret-box';
import type { ApiKeys } from '../../../../libs/store/registries/api-keys';
import type { Sessions } from '../../../../libs/store/registries/sessions';
import type { Tenants } from '../../../../libs/store/registries/tenants';
import type { Credentials } from '../../http/credentials';
import type { People } from '../../openid/person';
import type { Provider } from '../../openid/provider';
import type { OidcConfig } from '../../openid/oidc-config';
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
  /** Where else people may sign in: the organisation's identity provider. */
  provider?: Provider | undefined;
  people: People;
  clock: Clock;
  log: Log;
  audit: Audit;
  secrets: SecretBox;
  tenants: Tenants;
  config: { oidc?: OidcConfig };
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

/** What the page tells besides. */
export interface SignInTold {
  notice?: WordKey;
  refusal?: string;
  /** Whoever just was at the provider may want to be somebody else there. */
  asOther?: boolean;
  language?: Language;
}

/** Under the address that the provider sends people back to, since only there the browser gives what it keeps. */
const providerPath = (oidc: OidcConfig | undefined, to: string, asOther: boolean): string => {
  const query = new URLSearchParams({ ...(to !== '/' && { to }), ...(asOther && { as: 'other' }) }).toString();
  return new URL(`/session/oidc${query === '' ? '' : `?${query}`}`, oidc?.publicUrl).href;
};

/** The page where people sign in; afterwards they come back to where they were. */
export const sendSignIn = async (
  { provider, config }: Pick<SessionDeps, 'provider' | 'config'>,
  request: Request,
  response: Response,
  status: number,
  told: SignInTold = {},
  here = request.originalUrl,
): Promise<void> => {
  const { language = languageOf(request), asOther = false } = told;
  const say = sayIn(language);
  const form = readForm(request.body as unknown);
  const to = safePath(form.get('to') ?? (request.method === 'GET' ? here : '/'));
  const notice = told.notice === undefined ? takeNotice(request, response, say) : say(told.notice);
  const other = provider && { host: provider.host, href: providerPath(config.oidc, to, asOther) };
  const body = (
    <SignIn say={say} refusal={told.refusal} notice={notice} person={form.get('person')} to={to} provider={other} />
  );
  await sendHtml(response, status, await documentOf({ title: say('signIn.title'), language, children: body }));
};
