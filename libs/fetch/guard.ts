// What may be asked: checked before each request; what may be connected to is checked by the socket's own lookup.
import { isIP } from 'node:net';
import { isAllowedSource } from '../mail/settings/data-source';
import type { AddressRule } from '../runtime/addresses';
import { FetchFailure, notAllowed } from './failure';

/** What is said of a host that must not be reached. */
export const notPublic = (host: string): FetchFailure =>
  new FetchFailure(
    'refused',
    `${host} is not on the public network: the operator may allow it (ROHRPOST_ALLOW_PRIVATE_HOSTS)`,
  );

const hostOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, '$1');

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
