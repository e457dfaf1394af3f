// Ranges of network addresses (`10.0.0.0/8`, or one address), and what lies in them.
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';

const RULE = 'must be an address or a range like 10.0.0.0/8 or 2001:db8::/32';

/** `::ffff:10.0.0.1` is 10.0.0.1 to whoever sends from there. Zones (`%eth0`) are this machine's own names. */
const parse = (address: string): ipaddr.IPv4 | ipaddr.IPv6 => ipaddr.process(address.replace(/%.*$/, ''));

const isRange = (text: string): boolean => {
  const [address = '', bits, ...rest] = text.split('/');
  const kind = isIP(address);
  // A range of IPv4 is written as one of IPv4.
  if (kind === 0 || rest.length > 0 || address.includes('%') || parse(address).kind() !== `ipv${kind}`) return false;
  return bits === undefined || (/^(0|[1-9]\d{0,2})$/.test(bits) && Number(bits) <= (kind === 4 ? 32 : 128));
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

const readRange = (range: string): [ipaddr.IPv4 | ipaddr.IPv6, number] => {
  const [address = '', bits] = range.split('/');
  const parsed = parse(address);
  return [parsed, bits === undefined ? (parsed.kind() === 'ipv4' ? 32 : 128) : Number(bits)];
};

const matches = (address: ipaddr.IPv4 | ipaddr.IPv6, range: string): boolean => {
  const [start, bits] = readRange(range);
  return address.kind() === start.kind() && address.match(start, bits);
};

/** Does the address lie in one of the ranges? What is no address lies in none. */
export const isWithin = (address: string, ranges: readonly string[]): boolean =>
  isIP(address) !== 0 && ranges.some((range) => matches(parse(address), range));

/** Does the whole range lie in one of the ranges? */
export const isRangeWithin = (range: string, ranges: readonly string[]): boolean => {
  const [start, bits] = readRange(range);
  return ranges.some((outer) => readRange(outer)[1] <= bits && matches(start, outer));
};

/**
 * Whose address it is, for counting: one household or machine has the 64 bits of an IPv6 network and may use a new address of it
 * for each request.
 * @returns the address of IPv4, the /64 of IPv6; the text itself, cut, where it is neither
 */
export const networkOf = (address: string): string => {
  if (isIP(address) === 0) return address.slice(0, 60);
  const parsed = parse(address);
  if (parsed instanceof ipaddr.IPv4) return parsed.toString();
  const bytes = parsed.toByteArray();
  return `${ipaddr.fromByteArray(bytes.map((byte, index) => (index < 8 ? byte : 0))).toString()}/64`;
};
