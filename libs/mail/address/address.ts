// One e-mail address, with or without a name: strict, so that nothing can be smuggled into a header or an envelope.
import { z } from 'zod';
import { asciiDomain } from './domain';

export interface Address {
  name?: string;
  address: string;
}

/** Characters that end a header line or hide in it (RFC 5322 2.2); refused in everything that becomes a header. */

const CONTROL = /[\u0000-\u001f\u007f\u2028\u2029]/;

export const hasControlCharacters = (text: string): boolean => CONTROL.test(text);

/**
 * Header lines are folded at spaces: without one they would be longer than the 998 bytes of RFC 5322 2.1.1, with too many in
 * a row one would have nothing else, and some who strip the ends of lines see the end of the header there (3.2.2).
 */
export const UNFOLDABLE = /[!-~]{900}| {60}/;

/** Text for one header line: no control characters, at most `max` characters. */
export const HeaderText = (max: number) =>
  z
    .string()
    .max(max)
    .refine((text) => !hasControlCharacters(text), 'must not hold line breaks or other control characters');

// dot-atom of RFC 5322 3.2.3, wide of ASCII by RFC 6531. Quoted local parts and comments are legal but refused:
// they serve attacks on parsers far more often than people.
const LOCAL = /^[\w!#$%&'*+/=?^`{|}~\u0080-\uffff-]+(\.[\w!#$%&'*+/=?^`{|}~\u0080-\uffff-]+)*$/;
// Halves of pairs are no characters; spaces of all kinds, bidirectional and zero-width marks disguise an address.
const INVISIBLE = /\p{Surrogate}|\p{Cc}|\p{Cf}|(?! )\p{Z}/u;

/** @returns what is wrong with an addr-spec (`local@domain`), or undefined where it is fine */
export const addressFault = (address: string): string | undefined => {
  const at = address.lastIndexOf('@');
  if (at < 1) return 'must be an e-mail address like ann@example.org';
  const local = address.slice(0, at);
  const domain = address.slice(at + 1);
  if (CONTROL.test(address) || INVISIBLE.test(address)) return 'must not hold control or invisible characters';
  if (Buffer.byteLength(local) > 64) return 'has more than 64 bytes before the @ (RFC 5321 4.5.3.1.1)';
  if (!LOCAL.test(local)) return 'has characters before the @ that are not allowed there';
  if (domain.startsWith('[')) return 'has the address of a host after the @: only names of domains are taken';
  return asciiDomain(domain) === undefined ? 'has no valid domain after the @' : undefined;
};

// Of a trimmed text. No two of its repetitions can take the same characters, so that no text makes it try many ways.
const NAMED = /^(?:"((?:[^"\\]|\\.)*)"\s*|([^<>"]*))<([^<>]*)>$/;

/** Is there an @ on both sides of a comma or semicolon that is in no quotes? */
const holdsSeveral = (text: string): boolean =>
  text
    .replace(/"(?:[^"\\]|\\.)*"/g, '')
    .split(/[,;]/)
    .filter((part) => part.includes('@')).length > 1;

/** Reads `ann@example.org`, `Ann <ann@example.org>` or `"Lee, Ann" <ann@example.org>`. */
const readText = (text: string): Address | string => {
  if (text.length > 1_000) return 'is longer than 1000 characters';
  if (holdsSeveral(text))
    return 'holds several addresses in one string: give a list of strings, like ["ann@example.org", "bob@example.org"]';
  const named = NAMED.exec(text.trim());
  if (named === null) return { address: text.trim() };
  const [, quoted, plain, address = ''] = named;
  if (plain !== undefined && /[,;:@]/.test(plain)) {
    return 'holds one of , ; : @ in the name: put the name in double quotes or give {"name", "address"}; one field holds one address';
  }
  const name = (quoted === undefined ? plain : quoted.replace(/\\(.)/g, '$1'))?.trim();
  return name ? { name, address: address.trim() } : { address: address.trim() };
};

const AddressObject = z.strictObject({ name: HeaderText(200).optional(), address: z.string() });

/** An address in the input: a string or `{name, address}`; parsed to the latter. */
export const AddressInput = z
  .union([z.string(), AddressObject], {
    error: ({ input }) => {
      if (Array.isArray(input)) return 'must be one address, not a list';
      return typeof input === 'number' || typeof input === 'boolean'
        ? 'must be an address, like "Ann <ann@example.org>" or {"name": "Ann", "address": "ann@example.org"}'
        : undefined;
    },
  })
  .transform((given, context): Address => {
    const read = typeof given === 'string' ? readText(given) : given;
    const fault = typeof read === 'string' ? read : addressFault(read.address);
    if (typeof read === 'string' || fault !== undefined) {
      context.addIssue({ code: 'custom', message: fault ?? 'is no address' });
      return z.NEVER;
    }
    if (read.name !== undefined && hasControlCharacters(read.name)) {
      context.addIssue({ code: 'custom', message: 'must not hold line breaks or other control characters' });
      return z.NEVER;
    }
    return read.name ? { name: read.name, address: read.address } : { address: read.address };
  })
  .meta({ id: 'Address', examples: ['Ann <ann@example.org>'] });

/** `Ann <ann@example.org>` for people to read; not for a header (the composer encodes those). */
export const formatAddress = ({ name, address }: Address): string => {
  if (name === undefined) return address;
  return /^[\w .'-]+$/.test(name) ? `${name} <${address}>` : `"${name.replace(/(["\\])/g, '\\$1')}" <${address}>`;
};

/** As it is said to a server: the domain in ASCII (RFC 5891), the part before the @ as it was given. */
export const wireForm = (address: string): string => {
  const at = address.lastIndexOf('@') + 1;
  const domain = address.slice(at);
  return `${address.slice(0, at)}${asciiDomain(domain) ?? domain}`;
};

/** The form under which an address is found and compared: lower case, domain in ASCII. */
export const normalizeAddress = (address: string): string => wireForm(address).toLowerCase();
