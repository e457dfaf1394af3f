// Which addresses may be connected to: public ones, and those private ones that the operator names.
import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';

const HOST = /^[a-z0-9_]([a-z0-9._-]*[a-z0-9])?$/;

/** A private host that the operator allows: a name, an address, or a range like `10.1.0.0/16`. */
const isPrivateHost = (text: string): boolean => {
  const [address = '', bits, ...rest] = text.split('/');
  if (isIP(address) === 0) return bits === undefined && HOST.test(text);
  const most = isIP(address) === 4 ? 32 : 128;
  return rest.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most));
};

/** Private hosts in a process' environment: separated by commas. */
export const PrivateHostsText = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((part) => part.trim().toLowerCase())
      .filter((part) => part !== ''),
  )
  .refine((hosts) => hosts.every(isPrivateHost), 'must be host names, addresses or ranges like 10.1.0.0/16, by commas');

/** Ranges that ipaddr.js takes for public: IPv4 in compatible notation, and what IANA keeps for protocols (RFC 6890). */
const NOT_PUBLIC = new BlockList();
NOT_PUBLIC.addSubnet('::', 96, 'ipv6');
NOT_PUBLIC.addSubnet('2001::', 23, 'ipv6');

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 4 ? 'ipv4' : 'ipv6');

/** `::ffff:10.0.0.1` is 10.0.0.1 to whoever connects to it. */
const unmapped = (address: string): string => {
  const parsed = ipaddr.parse(address);
  return parsed instanceof ipaddr.IPv6 && parsed.isIPv4MappedAddress() ? parsed.toIPv4Address().toString() : address;
};

/** Can everybody reach this address: nobody's own network, no loopback, no tunnel into one? */
export const isPublic = (address: string): boolean => {
  if (NOT_PUBLIC.check(address, familyOf(address))) return false;
  return ipaddr.parse(unmapped(address)).range() === 'unicast';
};

/**
 * The address that a host means without being looked up, in whatever notation: shortened, decimal, octal and hexadecimal IPv4 as
 * inet_aton(3) and the URL Standard read it, or `localhost` and what ends in it (RFC 6761 6.3).
 * @returns undefined for a name
 */
export const spelledAddress = (host: string): string | undefined => {
  if (isIP(host) !== 0) return host;
  if (/^(.*\.)?localhost\.?$/i.test(host)) return '127.0.0.1';
  const url = `http://${host}/`;
  const read = URL.canParse(url) ? new URL(url).hostname : '';
  return isIP(read) === 0 ? undefined : read;
};

/** May the service connect to this address, which it has under this name? */
export type AddressRule = (host: string, address: string) => boolean;

/** The private hosts that the operator names, apart: by address, and by name. */
const sortPrivate = (allowPrivate: readonly string[]): { ranges: BlockList; names: Set<string> } => {
  const ranges = new BlockList();
  const names = new Set<string>();
  for (const entry of allowPrivate) {
    const [address = '', bits] = entry.split('/');
    if (isIP(address) === 0) names.add(entry);
    else if (bits === undefined) ranges.addAddress(address, familyOf(address));
    else ranges.addSubnet(address, Number(bits), familyOf(address));
  }
  return { ranges, names };
};

/**
 * @param allowPrivate names, addresses and ranges as `PrivateHostsText` gives them. A name allows whatever it stands for.
 */
export const createAddressRule = (allowPrivate: readonly string[]): AddressRule => {
  const { ranges, names } = sortPrivate(allowPrivate);
  return (host, address) => {
    if (isIP(address) === 0) return false;
    const real = unmapped(address);
    return names.has(host.toLowerCase()) || ranges.check(real, familyOf(real)) || isPublic(address);
  };
};

/** Is this host one of the private ones that the operator names? @param allowPrivate as for `createAddressRule` */
export const createAllowance = (allowPrivate: readonly string[]): ((host: string) => boolean) => {
  const { ranges, names } = sortPrivate(allowPrivate);
  return (host) => {
    const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
    if (isIP(bare) === 0) return names.has(bare);
    const real = unmapped(bare);
    return ranges.check(real, familyOf(real));
  };
};

/** All addresses of a name. */
export type Resolve = (host: string) => Promise<LookupAddress[]>;

export const resolveBySystem: Resolve = (host) =>
  new Promise((resolve, reject) =>
    systemLookup(host, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses))),
  );

/**
 * The lookup of a socket itself: what was checked is what is connected to, so a name that answers differently the next time gains
 * nothing. One address that is not allowed is enough to refuse them all. An address in place of a name is never looked up: whoever
 * connects checks it before.
 * @param refused what to say of a host that must not be reached
 */
export const guardedLookup =
  (mayReach: AddressRule, resolve: Resolve, refused: (host: string) => Error): LookupFunction =>
  (host, options, done) => {
    resolve(host).then(
      (addresses) => {
        const [first] = addresses;
        const isBad = addresses.some(({ address }) => !mayReach(host, address));
        if (first === undefined || isBad) done(refused(host), []);
        else if (options.all === true) done(null, addresses);
        else done(null, first.address, first.family);
      },
      (error: Error) => done(error, []),
    );
  };
