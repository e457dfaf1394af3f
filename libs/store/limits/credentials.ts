// Whether a key holds: right, from where it may be used, and not one of too many that were tried; and how often it may be used.
import type { Identity } from '../../mail/settings/api-key';
import { isWithin, networkOf } from '../../mail/settings/address-ranges';
import { Problem } from '../../mail/input/problem';
import { createApiKeys, type ApiKeyDeps, type ApiKeys } from '../registries/api-keys';
import { createKeyRates, type KeyRates, type RateState } from './key-rates';
import { KEYS } from '../redis/keys';
import { createWrongKeys, type WrongKeys } from './wrong-keys';

const seconds = (ms: number): number => Math.ceil(ms / 1_000);

export interface Credentials {
  /**
   * @param address where it is used from
   * @returns whose key it is; undefined where it is nobody's
   * @throws Problem `too-many-wrong-keys` where the network of the address has tried too many, `address-not-allowed`
   */
  identify(address: string, key: string): Promise<Identity | undefined>;
  /**
   * Counts what is no key but could be tried as often, like a code of an identity provider.
   * @param check gives what is proven; undefined where it was wrong
   * @throws Problem `too-many-wrong-keys`, and whatever `check` throws, which is not counted
   */
  prove<T>(address: string, check: () => Promise<T | undefined>): Promise<T | undefined>;
}

/** No key is the empty one: it never was right. */
const NO_KEY = '';

const tooMany = (ms: number): Problem =>
  new Problem(
    'too-many-wrong-keys',
    `too many wrong keys came from this address: try again in ${seconds(ms)} s; keys that were right from here before still are`,
    [],
    { retryAfter: seconds(ms) },
  );

interface IdentifyDeps {
  keys: ApiKeys;
  wrongKeys: WrongKeys;
  /** What is proven otherwise: wrong keys of a colleague keep nobody from it, nor the other way round. */
  wrongProofs: WrongKeys;
}

const createIdentify = ({ keys, wrongKeys, wrongProofs }: IdentifyDeps): Credentials => ({
  async identify(address, key) {
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
  async prove(address, check) {
    const network = networkOf(address);
    const wait = await wrongProofs.wait(network, NO_KEY);
    if (wait !== undefined) throw tooMany(wait);
    const proven = await check();
    if (proven === undefined) await wrongProofs.wrong(network, NO_KEY);
    return proven;
  },
});

/** The keys, whether they hold, and how often they may be used. */
export const createCredentials = (deps: ApiKeyDeps) => {
  const keys = createApiKeys(deps);
  return {
    keys,
    credentials: createIdentify({
      keys,
      wrongKeys: createWrongKeys(deps),
      wrongProofs: createWrongKeys(deps, KEYS.wrongProofs),
    }),
    keyRates: createKeyRates(deps),
  };
};

/** @param states of the rates that were asked; the last one is used up */
export const rateLimited = (states: RateState[]): Problem => {
  const wait = seconds(states.at(-1)?.resetIn ?? 1_000);
  const text = `this key, or one above it, has made all requests that its rate allows: try again in ${wait} s`;
  return new Problem('rate-limited', text, [], { retryAfter: wait });
};

/** Counts a page, or a message by SMTP, of somebody whose key has a rate. @throws Problem `rate-limited` */
export const requireRate = async (keyRates: KeyRates, { rates }: Identity): Promise<void> => {
  if (rates === undefined) return;
  const { states, allowed } = await keyRates.take(rates);
  if (!allowed) throw rateLimited(states);
};
