// Whether a request's key holds: right, from where it may be used, and not one of too many that were tried.
import type { Request, RequestHandler, Response } from 'express';
import type { Identity } from '../../../libs/mail/settings/api-key';
import { isWithin, networkOf } from '../../../libs/mail/settings/address-ranges';
import { Problem } from '../../../libs/mail/input/problem';
import { createKeyRates, type KeyRates, type RateState } from '../../../libs/store/limits/key-rates';
import { createWrongKeys, type WrongKeys } from '../../../libs/store/limits/wrong-keys';
import { createApiKeys, type ApiKeys } from '../../../libs/store/registries/api-keys';

const seconds = (ms: number): number => Math.ceil(ms / 1_000);

export interface Credentials {
  /**
   * @returns whose key it is; undefined where it is nobody's
   * @throws Problem `too-many-wrong-keys` where the request's network has tried too many, `address-not-allowed`
   */
  identify(request: Request, key: string): Promise<Identity | undefined>;
}

/** The client's address: as the proxies that are trusted say (`ROHRPOST_TRUSTED_PROXIES`), else of the connection. */
const addressOf = (request: Request): string =>
  (request.headers['x-forwarded-for'] === undefined ? request.socket.remoteAddress : request.ip) ?? '';

const tooMany = (ms: number): Problem =>
  new Problem(
    'too-many-wrong-keys',
    `too many wrong keys came from this address: try again in ${seconds(ms)} s; keys that were right from here before still are`,
    [],
    { retryAfter: seconds(ms) },
  );

const createIdentify = ({ keys, wrongKeys }: { keys: ApiKeys; wrongKeys: WrongKeys }): Credentials => ({
  async identify(request, key) {
    const address = addressOf(request);
    const network = networkOf(address);
    const wait = await wrongKeys.wait(network, key);
    if (wait !== undefined) throw tooMany(wait);
    const identity = await keys.identify(key);
    if (identity === undefined) {
      const next = await wrongKeys.wrong(network, key);
      if (next !== undefined) throw tooMany(next);
      return undefined;
    }
    wrongKeys.right(network, key);
    if (!(identity.addresses ?? []).every((ranges) => isWithin(address, ranges)))
      throw new Problem(
        'address-not-allowed',
        `this key may not be used from ${address}: use it from where it may be, or issue another one with these addresses`,
      );
    keys.used(identity.id);
    return identity;
  },
});

/** The keys, whether they hold, and how often they may be used. */
export const createCredentials = (deps: Parameters<typeof createApiKeys>[0]) => {
  const keys = createApiKeys(deps);
  return {
    keys,
    credentials: createIdentify({ keys, wrongKeys: createWrongKeys(deps) }),
    keyRates: createKeyRates(deps),
  };
};

/** `"key";r=4;t=12` (draft-ietf-httpapi-ratelimit-headers-10, 4): the key's own rate first, those above it by their ids. */
const item = (own: string, { key }: RateState, parameters: string): string =>
  `"${key === own ? 'key' : key}";${parameters}`;

const rateLimited = (states: RateState[]): Problem => {
  const wait = seconds(states.at(-1)?.resetIn ?? 1_000);
  const text = `this key, or one above it, has made all requests that its rate allows: try again in ${wait} s`;
  return new Problem('rate-limited', text, [], { retryAfter: wait });
};

/** Counts a page of somebody whose key has a rate. @throws Problem `rate-limited` */
export const requireRate = async (keyRates: KeyRates, { rates }: Identity): Promise<void> => {
  if (rates === undefined) return;
  const { states, allowed } = await keyRates.take(rates);
  if (!allowed) throw rateLimited(states);
};

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
