// The identity provider: where people are sent to sign in, what it says of them when they come back, where they sign out of it.
import type * as OpenId from 'openid-client' with { 'resolution-mode': 'import' };
import { FetchFailure } from '../../../libs/fetch/failure';
import { createFetcher, type Fetcher } from '../../../libs/fetch/fetcher';
import { messageOf } from '../../../libs/runtime/fault';
import { uptime } from '../../../libs/runtime/clock';
import { isLocalHttp, type OidcConfig } from './oidc-config';

/** What of a sign-in under way only the browser that began it may know. */
export interface Pending {
  state: string;
  nonce: string;
  verifier: string;
}

export interface Vouched {
  /** What the provider says of somebody (OpenID Connect Core 5.1): of the ID token, and of its UserInfo what that has not. */
  claims: Record<string, unknown>;
  issuer: string;
  subject: string;
  idToken: string;
}

/** The provider could not be asked, or is not what it should be: nobody can sign in by it now. */
export class ProviderAway extends Error {
  override name = 'ProviderAway';
}

/** The provider said no, or what came back is not what it says of this sign-in: the message is for a person. */
export class NotVouched extends Error {
  override name = 'NotVouched';
}

export interface Provider {
  /** Its host, as people know it. */
  readonly host: string;
  readonly issuer: string;
  /** Where people are sent. @param asOther they want to be asked who they are @throws ProviderAway */
  begin(pending: Pending, asOther: boolean): Promise<string>;
  /**
   * @param query of the address by which the browser came back
   * @throws ProviderAway, NotVouched
   */
  finish(query: string, pending: Pending): Promise<Vouched>;
  /** Where people sign out of it, to come back after. @returns undefined where it has no such place, or is away */
  endOf(idToken: string | undefined): Promise<string | undefined>;
  close(): Promise<void>;
}

export const RETURN_PATH = '/session/oidc/return';

/** Of each request; a person waits for at most four. */
const LIMITS = { bytes: 512 * 1024, ms: 5_000 };
/** Of what it says when it refuses. */
const LONGEST_WORDS = 200;
/** How far its clock may be off. Seconds. */
const TOLERANCE_S = 60;
/** What it says of itself is asked again after. ms */
const KNOWN_MS = 3_600_000;

// An ES module only: it is loaded at its first use, in whatever way the process loads modules.
const library = (): Promise<typeof OpenId> => import('openid-client');

/** An error, what it was put around, and so on: the library names the kind, the last one says what it was. */
const causesOf = (error: unknown): Error[] => {
  const found: Error[] = [];
  for (let at = error; at instanceof Error && found.length < 5; at = at.cause) found.push(at);
  return found;
};

/** What ended a request below whatever the library has put around it. */
const failureIn = (error: unknown): FetchFailure | undefined =>
  causesOf(error).find((one) => one instanceof FetchFailure);

const guardedFetch =
  (fetcher: Fetcher): OpenId.CustomFetch =>
  async (url, { method, headers, body }) => {
    const answer = await fetcher.exchange({
      url,
      method: method === 'POST' ? 'POST' : 'GET',
      headers: headers,
      ...(body != null && { body: Buffer.from(String(body as URLSearchParams)) }),
      limits: LIMITS,
    });
    if (answer.status >= 500) throw new FetchFailure('for-now', `${new URL(url).host} answered ${answer.status}`);
    const withBody = answer.status === 204 ? null : new Uint8Array(answer.body);
    return new Response(withBody, { status: answer.status, headers: { 'content-type': answer.contentType ?? '' } });
  };

/** As the provider wants it: in the body where it says so, else as every one must take it (OpenID Connect Core 9). */
const clientAuth = (openid: typeof OpenId, secret: string | undefined): OpenId.ClientAuth => {
  if (secret === undefined) return openid.None();
  const [post, basic] = [openid.ClientSecretPost(secret), openid.ClientSecretBasic(secret)];
  return (as, ...rest) =>
    (as.token_endpoint_auth_methods_supported?.includes('client_secret_post') === true ? post : basic)(as, ...rest);
};

const discover = async (openid: typeof OpenId, config: OidcConfig, fetcher: Fetcher): Promise<OpenId.Configuration> => {
  const { issuer, clientId, clientSecret } = config;
  const client = { [openid.clockTolerance]: TOLERANCE_S };
  const found = await openid.discovery(new URL(issuer), clientId, client, clientAuth(openid, clientSecret), {
    [openid.customFetch]: guardedFetch(fetcher),
    // That the token came from the provider by TLS would do (Core 3.1.3.7); its signature holds whoever is in between.
    execute: [openid.enableNonRepudiationChecks, ...(isLocalHttp(issuer) ? [openid.allowInsecureRequests] : [])],
  });
  // Microsoft's `common` stands for every organisation there is, and each of them names groups as it likes.
  const named = found.serverMetadata().issuer;
  if (!URL.canParse(named) || new URL(named).href !== new URL(issuer).href)
    throw new Error(`it calls itself ${named}, and ROHRPOST_OIDC_ISSUER does not: name one organisation's own issuer`);
  return found;
};

/** Asks the provider what it is, when somebody needs it; one asks for all, and what is known stays while it is away. */
const createDiscovery = (config: OidcConfig, fetcher: Fetcher) => {
  let known: { configuration: OpenId.Configuration; at: number } | undefined;
  let asking: Promise<OpenId.Configuration> | undefined;
  const ask = async (openid: typeof OpenId): Promise<OpenId.Configuration> => {
    const configuration = await discover(openid, config, fetcher);
    known = { configuration, at: uptime() };
    return configuration;
  };
  return async (openid: typeof OpenId): Promise<OpenId.Configuration> => {
    if (known !== undefined && uptime() < known.at + KNOWN_MS) return known.configuration;
    asking ??= ask(openid).finally(() => (asking = undefined));
    return asking.catch((error: unknown) => {
      if (known !== undefined) return known.configuration;
      throw new ProviderAway(messageOf(failureIn(error) ?? causesOf(error).at(-1) ?? error), { cause: error });
    });
  };
};

const isMissing = (claims: Record<string, unknown>, name: string): boolean => claims[name] === undefined;

/** @throws ProviderAway, NotVouched */
const sorted = (openid: typeof OpenId, error: unknown): never => {
  const failure = failureIn(error);
  if (failure !== undefined) throw new ProviderAway(failure.message, { cause: error });
  if (error instanceof openid.AuthorizationResponseError || error instanceof openid.ResponseBodyError) {
    const words = [error.error, error.error_description].filter((one) => one !== undefined).join(': ');
    throw new NotVouched(words.slice(0, LONGEST_WORDS), { cause: error });
  }
  throw new NotVouched(messageOf(causesOf(error).at(-1) ?? error).slice(0, LONGEST_WORDS), { cause: error });
};

export const createProvider = (config: OidcConfig, allowPrivate: readonly string[]): Provider => {
  const { hostname, host } = new URL(config.issuer);
  // Whom the operator names here may be in a private network.
  const fetcher = createFetcher({ allowPrivate: [...allowPrivate, hostname.replace(/^\[(.*)\]$/, '$1')] });
  const discovered = createDiscovery(config, fetcher);
  const back = new URL(RETURN_PATH, config.publicUrl);

  return {
    host,
    issuer: config.issuer,
    async begin({ state, nonce, verifier }, asOther) {
      const openid = await library();
      const url = openid.buildAuthorizationUrl(await discovered(openid), {
        redirect_uri: back.href,
        scope: config.scope,
        state,
        nonce,
        code_challenge: await openid.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        ...(asOther && { prompt: 'login' }),
      });
      return url.href;
    },
    async finish(query, { state, nonce, verifier }) {
      const openid = await library();
      const provider = await discovered(openid);
      const url = new URL(back);
      url.search = query;
      const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true };
      try {
        const tokens = await openid.authorizationCodeGrant(provider, url, checks);
        const claims = tokens.claims();
        if (claims === undefined || tokens.id_token === undefined) throw new Error('it gave no ID token');
        const told = { issuer: config.issuer, subject: claims.sub, idToken: tokens.id_token };
        const isWhole = ![config.groupsClaim, 'name'].some((name) => isMissing(claims, name));
        if (isWhole || provider.serverMetadata().userinfo_endpoint === undefined) return { ...told, claims };
        const more = await openid.fetchUserInfo(provider, tokens.access_token, claims.sub);
        return { ...told, claims: { ...more, ...claims } };
      } catch (error) {
        return sorted(openid, error);
      }
    },
    async endOf(idToken) {
      const openid = await library();
      const provider = await discovered(openid).catch(() => undefined);
      if (provider?.serverMetadata().end_session_endpoint === undefined) return undefined;
      return openid.buildEndSessionUrl(provider, {
        post_logout_redirect_uri: new URL('/', config.publicUrl).href,
        ...(idToken !== undefined && { id_token_hint: idToken }),
      }).href;
    },
    close: () => fetcher.close(),
  };
};
