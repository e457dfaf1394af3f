// What may be asked, and what may be connected to: checked by address, so that a name gains nothing.
import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { isIP } from 'node:net';
import { isAllowedSource } from '../mail/settings/data-source';
import type { AddressRule } from '../runtime/addresses';
import { FetchFailure, notAllowed } from './failure';

/** All addresses of a name. */
export type Resolve = (host: string) => Promise<LookupAddress[]>;

export const resolveBySystem: Resolve = (host) =>
  new Promise((resolve, reject) =>
    systemLookup(host, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses))),
  );

const notPublic = (host: string): FetchFailure =>
  new FetchFailure(
    'refused',
    `${host} is not on the public network: the operator may allow it (ROHRPOST_ALLOW_PRIVATE_HOSTS)`,
  );

const hostOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, '$1');

/**
 * The lookup of the socket itself: what was checked is what is connected to, so a name that answers differently the
 * next time gains nothing. One address that is not allowed is enough to refuse them all.
 */
export const guardedLookup =
  (mayReach: AddressRule, resolve: Resolve) =>
  (
    host: string,
    options: { all?: boolean | undefined },
    done: (error: Error | null, address: string | LookupAddress[], family?: number) => void,
  ): void => {
    resolve(host).then(
      (addresses) => {
        const [first] = addresses;
        const bad = addresses.some(({ address }) => !mayReach(host, address));
        if (first === undefined || bad) done(notPublic(host), []);
        else if (options.all === true) done(null, addresses);
        else done(null, first.address, first.family);
      },
      (error: Error) => done(error, []),
    );
  };

/** The check before every request, the first one and those that it redirects to. @throws FetchFailure `refused` */
export const check = (url: URL, prefixes: readonly string[] | undefined, mayReach: AddressRule): void => {
  const isWeb = url.protocol === 'https:' || url.protocol === 'http:';
  if (!isWeb || url.username !== '' || url.password !== '') throw notAllowed(url, 'is no plain http or https address');
  if (prefixes !== undefined && !isAllowedSource(url.href, prefixes))
    throw notAllowed(url, 'is under none of the allowed data sources');
  // An address in the URL never reaches the lookup.
  const host = hostOf(url);
  if (isIP(host) !== 0 && !mayReach(host, host)) throw notPublic(host);
};
