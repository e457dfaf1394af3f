// The key of a request: whether it holds where the request comes from, and what is left of its rate.
import type { Request, RequestHandler, Response } from 'express';
import type { Identity } from '../../../libs/mail/settings/api-key';
import { createCredentials as createAllCredentials, rateLimited } from '../../../libs/store/limits/credentials';
import type { KeyRates, RateState } from '../../../libs/store/limits/key-rates';
import type { ApiKeyDeps } from '../../../libs/store/registries/api-keys';

const seconds = (ms: number): number => Math.ceil(ms / 1_000);

export interface Credentials {
  /**
   * @returns whose key it is; undefined where it is nobody's
   * @throws Problem `too-many-wrong-keys` where the request's network has tried too many, `address-not-allowed`
   */
  identify(request: Request, key: string): Promise<Identity | undefined>;
  /** As that of libs/store/limits. @throws Problem `too-many-wrong-keys`, and whatever `check` throws */
  prove<T>(request: Request, check: () => Promise<T | undefined>): Promise<T | undefined>;
}

/** The client's address: as the proxies that are trusted say (`ROHRPOST_TRUSTED_PROXIES`), else of the connection. */
const addressOf = (request: Request): string =>
  (request.headers['x-forwarded-for'] === undefined ? request.socket.remoteAddress : request.ip) ?? '';

/** The keys, whether they hold for a request, and how often they may be used. */
export const createCredentials = (deps: ApiKeyDeps) => {
  const { credentials, ...rest } = createAllCredentials(deps);
  const ofRequests: Credentials = {
    identify: (request, key) => credentials.identify(addressOf(request), key),
    prove: (request, check) => credentials.prove(addressOf(request), check),
  };
  return { ...rest, credentials: ofRequests };
};

/** `"key";r=4;t=12` (draft-ietf-httpapi-ratelimit-headers-10, 4): the key's own rate first, those above it by their ids. */
const item = (own: string, { key }: RateState, parameters: string): string =>
  `"${key === own ? 'key' : key}";${parameters}`;

/**
 * Counts a request of a key with a rate, and says what is left.
 * @throws Problem `rate-limited`
 */
export const limitRates =
  (rates: KeyRates): RequestHandler =>
  async (_request, response: Response, next) => {
    const identity = response.locals['identity'] as Identity;
    if (identity.rates === undefined) return next();
    const { states, allowed } = await rates.take(identity.rates);
    const list = (of: (state: RateState) => string): string =>
      states.map((state) => item(identity.id, state, of(state))).join(', ');
    response.set(
      'RateLimit-Policy',
      list(({ max, per }) => `q=${max};w=${seconds(per)}`),
    );
    response.set(
      'RateLimit',
      list(({ remaining, resetIn }) => `r=${remaining};t=${seconds(resetIn)}`),
    );
    if (allowed) return next();
    throw rateLimited(states);
  };
