// Ranges of network addresses (`10.0.0.0/8`, or one address), and what lies in them.
import { BlockList, isIP } from 'node:net';
import { z } from 'zod';

const RULE = 'must be an address or a range like 10.0.0.0/8 or 2001:db8::/32';

/** The eight groups of an IPv6 address (RFC 4291 2.2), as a URL has them: lower case, no dots. */
const groupsOf = (address: string): string[] => {
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const [before, after] = [head, tail ?? ''].map((part) => part.split(':').filter((group) => group !== ''));
  const given = [...(before ?? []), ...(after ?? [])];
  return [...(before ?? []), ...Array<string>(8 - given.length).fill('0'), ...(after ?? [])];
};

/** `::ffff:10.0.0.1` is 10.0.0.1 to whoever sends from there. Zones (`%eth0`) are this machine's own names. */
const plain = (address: string): string => {
  const bare = address.replace(/%.*$/, '');
  if (isIP(bare) !== 6) return bare;
  const groups = groupsOf(bare);
  if (groups.slice(0, 6).join(':') !== '0:0:0:0:0:ffff') return bare;
  const bytes = groups.slice(6).map((group) => Number.parseInt(group, 16));
  return bytes.flatMap((two) => [two >> 8, two & 0xff]).join('.');
};

const isRange = (text: string): boolean => {
  const [address = '', bits, ...rest] = text.split('/');
  // A range of IPv4 is written as one of IPv4.
  if (isIP(address) === 0 || rest.length > 0 || plain(address) !== address) return false;
  return bits === undefined || (/^(0|[1-9]\d{0,2})$/.test(bits) && Number(bits) <= (isIP(address) === 4 ? 32 : 128));
};

/** A range in the input. Bits behind its length do not count. */
export const AddressRange = z.string().max(60).refine(isRange, RULE);

/** Ranges in a process' environment: separated by commas. */
export const AddressRangesText = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  )
  .refine((ranges) => ranges.every(isRange), `${RULE}, several by commas`);

const bitsOf = (range: string): [address: string, bits: number] => {
  const [address = '', bits] = range.split('/');
  return [address, bits === undefined ? (isIP(address) === 4 ? 32 : 128) : Number(bits)];
};

/** Does the address lie in one of the ranges? What is no address lies in none. */
export const isWithin = (address: string, ranges: readonly string[]): boolean => {
  const real = plain(address);
  const family = isIP(real);
  if (family === 0) return false;
  const list = new BlockList();
  for (const [start, bits] of ranges.map(bitsOf))
    if (isIP(start) === family) list.addSubnet(start, bits, family === 4 ? 'ipv4' : 'ipv6');
  return list.check(real, family === 4 ? 'ipv4' : 'ipv6');
};

/** Does the whole range lie in one of the ranges? */
export const isRangeWithin = (range: string, ranges: readonly string[]): boolean => {
  const [start, bits] = bitsOf(range);
  return isWithin(
    start,
    ranges.filter((outer) => bitsOf(outer)[1] <= bits),
  );
};

/**
 * Whose address it is, for counting: one household or machine has the 64 bits of an IPv6 network and may use a new address of it
 * for each request.
 * @returns the address of IPv4, the /64 of IPv6; the text itself, cut, where it is neither
 */
export const networkOf = (address: string): string => {
  const real = plain(address);
  return isIP(real) === 6 ? `${groupsOf(real).slice(0, 4).join(':')}::/64` : real.slice(0, 60);
};
