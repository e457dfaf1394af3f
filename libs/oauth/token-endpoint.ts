// Asks a token endpoint for an access token, by any of the three grants (RFC 6749, 7523), through the guard of outgoing HTTP.
import { createHash, createPrivateKey, randomUUID, sign, webcrypto } from 'node:crypto';
import type * as OAuth from 'oauth4webapi' with { 'resolution-mode': 'import' };
import { FetchFailure } from '../fetch/failure';
import type { Fetcher } from '../fetch/fetcher';
import { certificateIn, type OpenOAuth2 } from '../mail/login/oauth';
import { messageOf } from '../runtime/fault';

export interface IssuedToken {
  accessToken: string;
  /** Seconds that it is good for. */
  expiresIn: number;
  /** A new refresh token, where the provider replaces it at each use (RFC 6749 section 6). */
  refreshToken?: string;
}

/**
 * No token: `refused`, the endpoint said no and somebody has to correct something; or `away`, it could not be asked or did not
 * answer as a token endpoint does, which ends by itself.
 */
export class NoToken extends Error {
  override name = 'NoToken';
  constructor(
    readonly kind: 'refused' | 'away',
    /** For a person: where, and the endpoint's own words. */
    text: string,
    /** The endpoint's own wish, ms. */
    readonly retryAfter?: number,
  ) {
    super(text);
  }
}

const LIMITS = { bytes: 64 * 1024, ms: 10_000 };
/** Where the endpoint does not say (RFC 6749 5.1 only recommends it): what providers usually give. Seconds. */
const USUAL_LIFE = 3_600;
/** How long an assertion is good for. Seconds. */
const ASSERTION_LIFE = 300;
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

// An ES module only: it is loaded at its first use, in whatever way the process loads modules.
const library = (): Promise<typeof OAuth> => import('oauth4webapi');

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Signed by a service account for the mailbox that it stands in for (RFC 7523 section 3; Google's domain-wide delegation). */
const bearerAssertion = ({ clientId, tokenUrl, scope, user, secrets }: OpenOAuth2, nowS: number): string => {
  const key = createPrivateKey(secrets.privateKey ?? '');
  const ec = key.asymmetricKeyType === 'ec';
  const claims = { iss: clientId, sub: user, aud: tokenUrl, iat: nowS, exp: nowS + ASSERTION_LIFE, jti: randomUUID() };
  const head = base64url({ alg: ec ? 'ES256' : 'RS256', typ: 'JWT' });
  const content = `${head}.${base64url({ ...claims, ...(scope !== undefined && { scope }) })}`;
  const signature = sign('sha256', Buffer.from(content), ec ? { key, dsaEncoding: 'ieee-p1363' } : key);
  return `${content}.${signature.toString('base64url')}`;
};

/** Microsoft finds the key of a client by the thumbprint of its certificate, which may stand beside the key in the PEM. */
const thumbprintOf = (pem: string): string | undefined => {
  const certificate = certificateIn(pem);
  return certificate && createHash('sha256').update(certificate.raw).digest('base64url');
};

/** A client that proves itself by a signed assertion (RFC 7523 section 2.2). */
const byPrivateKey = async (oauth: typeof OAuth, pem: string, tokenUrl: string): Promise<OAuth.ClientAuth> => {
  const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  const algorithm =
    createPrivateKey(pem).asymmetricKeyType === 'ec'
      ? { name: 'ECDSA', namedCurve: 'P-256' }
      : { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const key = await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
  const thumbprint = thumbprintOf(pem);
  return oauth.PrivateKeyJwt(key, {
    [oauth.modifyAssertion](header, payload) {
      // The endpoint itself is what every provider takes as the audience.
      payload['aud'] = tokenUrl;
      if (thumbprint !== undefined) header['x5t#S256'] = thumbprint;
    },
  });
};

const clientAuth = async (oauth: typeof OAuth, { grant, tokenUrl, secrets }: OpenOAuth2): Promise<OAuth.ClientAuth> => {
  // The assertion of the grant names the client already.
  if (grant === 'jwt_bearer') return () => undefined;
  if (secrets.privateKey !== undefined) return byPrivateKey(oauth, secrets.privateKey, tokenUrl);
  return secrets.clientSecret === undefined ? oauth.None() : oauth.ClientSecretPost(secrets.clientSecret);
};

const grantOf = (given: OpenOAuth2, nowS: number): { type: string; parameters: Record<string, string> } => {
  const scope: Record<string, string> = given.scope === undefined ? {} : { scope: given.scope };
  if (given.grant === 'jwt_bearer')
    return { type: JWT_BEARER, parameters: { assertion: bearerAssertion(given, nowS) } };
  if (given.grant === 'client_credentials') return { type: 'client_credentials', parameters: scope };
  return {
    type: 'refresh_token',
    parameters: { ...scope, refresh_token: given.secrets.refreshToken ?? '' },
  };
};

/** The library's fetch, through our guard: name resolution pinned, no redirect, bounded in time and size. */
const guardedFetch =
  (fetcher: Fetcher, notice: (answer: { status: number; retryAfter?: number }) => void) =>
  async (url: string, options: OAuth.CustomFetchOptions<string, URLSearchParams>): Promise<Response> => {
    const answer = await fetcher.exchange({
      url,
      method: 'POST',
      headers: Object.fromEntries(new Headers(options.headers)),
      body: Buffer.from(String(options.body)),
      limits: LIMITS,
    });
    notice(answer);
    return new Response(withoutIdToken(answer.body), {
      status: answer.status,
      headers: { 'content-type': answer.contentType ?? '' },
    });
  };

/** Nobody is signed in here: who the person is, and whether the token about it holds, is not our question. */
const withoutIdToken = (body: Buffer): string => {
  const text = body.toString();
  try {
    const answer = JSON.parse(text) as Record<string, unknown>;
    delete answer['id_token'];
    return JSON.stringify(answer);
  } catch {
    return text;
  }
};

const toNoToken = (error: unknown, where: string, answer: { status: number; retryAfter?: number }): NoToken => {
  if (error instanceof NoToken) return error;
  if (error instanceof FetchFailure) return new NoToken('away', error.message, error.retryAfter);
  const { error: code, error_description: text } = error as { error?: unknown; error_description?: unknown };
  const words = [code, text].filter((part) => typeof part === 'string').join(': ');
  // RFC 6749 5.2: 400 and 401 with an error code are an answer about the client or the grant; the rest may end by itself.
  if (words !== '' && answer.status < 500 && answer.status !== 429)
    return new NoToken('refused', `${where} refused a token: ${words.slice(0, 1_000)}`);
  const said =
    answer.status === 0 ? messageOf(error) : `it answered ${answer.status}${words === '' ? '' : ` (${words})`}`;
  return new NoToken('away', `${where} gave no token: ${said}`, answer.retryAfter);
};

/**
 * Asks for a token.
 * @param nowMs ms since 1970, for the times in assertions
 * @throws NoToken
 */
export const requestToken = async (fetcher: Fetcher, given: OpenOAuth2, nowMs: number): Promise<IssuedToken> => {
  const { origin, pathname } = new URL(given.tokenUrl);
  const where = `${origin}${pathname}`;
  if (origin.startsWith('http:') && !fetcher.allows(new URL(given.tokenUrl).hostname))
    throw new NoToken(
      'away',
      `${where} is not asked: a token needs https, unless the operator allows the host (ROHRPOST_ALLOW_PRIVATE_HOSTS)`,
    );
  let answer: { status: number; retryAfter?: number } = { status: 0 };
  try {
    const oauth = await library();
    const server = { issuer: origin, token_endpoint: given.tokenUrl };
    const client = { client_id: given.clientId };
    const { type, parameters } = grantOf(given, Math.floor(nowMs / 1_000));
    const response = await oauth.genericTokenEndpointRequest(
      server,
      client,
      await clientAuth(oauth, given),
      type,
      new URLSearchParams(parameters),
      {
        [oauth.customFetch]: guardedFetch(fetcher, (got) => (answer = got)),
        // Whether http is allowed was decided above.
        [oauth.allowInsecureRequests]: true,
      },
    );
    const issued = await oauth.processGenericTokenEndpointResponse(server, client, response);
    return {
      accessToken: issued.access_token,
      expiresIn: issued.expires_in ?? USUAL_LIFE,
      ...(issued.refresh_token !== undefined && { refreshToken: issued.refresh_token }),
    };
  } catch (error) {
    throw toNoToken(error, where, answer);
  }
};
