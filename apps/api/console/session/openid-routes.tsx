// Signing in at the organisation's identity provider (OpenID Connect, authorization code with PKCE), and what may go wrong there.
import type { Request, RequestHandler, Response } from 'express';
import { Problem } from '../../../../libs/mail/input/problem';
import { statusOf } from '../../../../libs/mail/input/problem-document';
import { placesOf, type Person } from '../../../../libs/mail/people/person';
import { toProblem } from '../../http/errors';
import { keepPending, newPending, takePending, type KeptPending } from '../../session/pending';
import { groupsIn, personOf } from '../../openid/person';
import { NotVouched, ProviderAway, type Provider, type Vouched } from '../../openid/provider';
import type { OidcConfig } from '../../openid/oidc-config';
import { setSession } from '../../session/cookies';
import { sayIn, type Say } from '../words/all-words';
import { isLanguage, type Language } from '../words/words';
import { openPlaces, recordStart, type OpenPlace } from './open-places';
import { sendOnward } from './onward';
import { languageOf, safePath, sendSignIn, type SessionDeps } from './sign-in-answer';

export type OpenIdDeps = SessionDeps & { provider: Provider; oidc: OidcConfig };

/** Of what the provider vouched with; a longer token would weigh on Redis, and signing out works without it. */
const LONGEST_TOKEN = 8_192;
const MOST_SHOWN = 20;
/** A browser keeps 4,096 bytes of a cookie (RFC 6265 6.1), and this is sealed in one. */
const LONGEST_TO = 1_500;
export const ID_TOKEN_PLACE = 'openid session';

/** Another site's page may lead here, but not begin: whoever signs in wants to. */
const isForeign = (request: Request): boolean =>
  !['same-origin', 'none', undefined].includes(request.get('Sec-Fetch-Site'));

const queryText = (request: Request, name: string): string | undefined => {
  const value = request.query[name];
  return typeof value === 'string' ? value : undefined;
};

export const beginSignIn =
  (deps: OpenIdDeps): RequestHandler =>
  async (request, response) => {
    const { provider, secrets, clock, log, isSecure } = deps;
    const wanted = safePath(queryText(request, 'to'));
    const to = wanted.length > LONGEST_TO ? '/' : wanted;
    if (isForeign(request)) return sendSignIn(deps, request, response, 200, {}, to);
    const pending = newPending();
    try {
      const url = await provider.begin(pending, queryText(request, 'as') === 'other');
      const language = languageOf(request);
      keepPending(response, secrets, isSecure(request), { ...pending, to, language, at: clock.now() });
      response.redirect(303, url);
    } catch (error) {
      if (!(error instanceof ProviderAway)) throw error;
      log.warn({ provider: provider.host, problem: error.message }, 'the identity provider cannot be asked');
      const refusal = sayIn(languageOf(request))('signIn.away', { host: provider.host });
      await sendSignIn(deps, request, response, 503, { refusal }, to);
    }
  };

/** Why somebody is not let in, in words, and with which status. */
interface Refused {
  status: number;
  refusal: string;
}

/** Asks the provider whom the browser has brought. Codes that are wrong are counted like wrong keys. */
const vouch = async (deps: OpenIdDeps, request: Request, kept: KeptPending, say: Say): Promise<Vouched | Refused> => {
  const { provider, credentials, log } = deps;
  const [, query = ''] = request.originalUrl.split('?');
  let words = '';
  const ask = async (): Promise<Vouched | undefined> => {
    try {
      return await provider.finish(query, kept);
    } catch (error) {
      if (!(error instanceof NotVouched)) throw error;
      words = error.message;
      log.warn({ provider: provider.host, problem: words }, 'a sign-in was not vouched for');
      return undefined;
    }
  };
  try {
    const vouched = await credentials.prove(request, ask);
    return vouched ?? { status: 403, refusal: say('signIn.notVouched', { host: provider.host, words }) };
  } catch (error) {
    const problem = toProblem(error);
    if (error instanceof ProviderAway) {
      log.warn({ provider: provider.host, problem: error.message }, 'the identity provider cannot be asked');
      return { status: 503, refusal: say('signIn.away', { host: provider.host }) };
    }
    if (problem instanceof Problem) return { status: statusOf(problem), refusal: problem.message };
    throw error;
  }
};

/** @param groups undefined where the provider told none at all */
const whyNowhere = (oidc: OidcConfig, host: string, say: Say, login: string, groups: string[] | undefined): string => {
  const claim = oidc.groupsClaim;
  if (groups === undefined) return say('signIn.noClaim', { login, host, claim });
  if (groups.length === 0) return say('signIn.noGroups', { login, host });
  const shown = groups.slice(0, MOST_SHOWN).map((group) => group.slice(0, 100));
  const more = groups.length - shown.length;
  return say('signIn.otherGroups', { login, groups: `${shown.join(', ')}${more > 0 ? ` +${more}` : ''}` });
};

interface Admitted {
  person: Person;
  places: [OpenPlace, ...OpenPlace[]];
  /** Those of their groups that count. */
  groups: string[];
}

/** Where the groups of somebody let them act now. */
const admit = async (deps: OpenIdDeps, vouched: Vouched, say: Say): Promise<Admitted | Refused> => {
  const { oidc, provider, tenants, log } = deps;
  const person = personOf(vouched);
  const { login } = person;
  const told = groupsIn(vouched.claims, oidc.groupsClaim);
  const groups = (told ?? []).filter((group) => oidc.rules.some((rule) => rule.group === group));
  const allowed = placesOf(groups, oidc.rules);
  const [first, ...others] = await openPlaces(tenants, allowed);
  if (first !== undefined) return { person, places: [first, ...others], groups };
  log.warn({ login, claim: oidc.groupsClaim, groups: told?.length }, 'somebody signed in whose groups give no access');
  const missing = allowed.map(({ tenant = '' }) => tenant).join(', ');
  const why = whyNowhere(oidc, provider.host, say, login, told);
  return { status: 403, refusal: missing === '' ? why : say('signIn.noTenant', { login, tenants: missing }) };
};

/** The place that the reader was on the way to, else the first one. */
const placeFor = (to: string, [first, ...others]: Admitted['places']): { place: OpenPlace; isNamed: boolean } => {
  const [, tenant] = /^\/(?:queues|tenants)\/([^/?]+)/.exec(to) ?? [];
  const named = [first, ...others].find((place) => place.tenant !== undefined && place.tenant === tenant);
  return { place: named ?? first, isNamed: named !== undefined || others.length === 0 };
};

const start = async (
  deps: OpenIdDeps,
  request: Request,
  response: Response,
  { vouched, admitted, to }: { vouched: Vouched; admitted: Admitted; to: string },
): Promise<string> => {
  const { oidc, sessions, secrets, audit, clock, isSecure } = deps;
  const { person, places, groups } = admitted;
  const { place, isNamed } = placeFor(to, places);
  const { tenant, tenantSince } = place;
  const { subject } = vouched;
  const isShort = vouched.idToken.length <= LONGEST_TOKEN;
  const token = await sessions.start({
    signedIn: {
      ...person,
      subject,
      issuer: vouched.issuer,
      groups,
      ...(tenant !== undefined && { tenant, tenantSince }),
      endsAt: new Date(clock.now() + oidc.sessionMs).toISOString(),
      ...(isShort && { idToken: secrets.seal(vouched.idToken, ID_TOKEN_PLACE) }),
    },
  });
  // Whoever has to choose yet is told of where they choose (choose-place.tsx).
  if (isNamed) await recordStart(audit, oidc.rules, { person: { ...person, subject, groups }, place });
  setSession(response, token, isSecure(request), Math.floor(oidc.sessionMs / 1_000));
  return isNamed ? to : `/session/place?to=${encodeURIComponent(to)}`;
};

export const finishSignIn =
  (deps: OpenIdDeps): RequestHandler =>
  async (request, response) => {
    const { secrets, clock, isSecure } = deps;
    const kept = takePending(request, response, secrets, isSecure(request), clock.now());
    const language: Language = isLanguage(kept?.language) ? kept.language : languageOf(request);
    const say = sayIn(language);
    const to = safePath(kept?.to);
    const refuse = ({ status, refusal }: Refused): Promise<void> =>
      sendSignIn(deps, request, response, status, { refusal, asOther: true, language }, to);
    if (kept === undefined) return refuse({ status: 403, refusal: say('signIn.notBegun') });
    const vouched = await vouch(deps, request, kept, say);
    if ('refusal' in vouched) return refuse(vouched);
    const admitted = await admit(deps, vouched, say);
    if ('refusal' in admitted) return refuse(admitted);
    const next = await start(deps, request, response, { vouched, admitted, to });
    await sendOnward(response, language, 'signIn.done', next);
  };
