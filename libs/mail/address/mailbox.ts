// Mailboxes in the header of a complete message (RFC 5322 3.4): read as every reader reads them, or not at all.
import { addressParser } from 'postal-mime';
import { addressFault } from './address';
import { replaceComments } from './comments';
import { asciiDomain } from './domain';

/** Characters of a field, unfolded. */
const LONGEST = 2_000;

/** Between commas; a comma in a quoted string or in angle brackets is none. */
const ITEM = /(?:"(?:[^"\\]|\\.)*"|<(?:"(?:[^"\\]|\\.)*"|[^<>"])*>|[^",<])+/g;
const NAMED = /^(?:"(?:[^"\\]|\\.)*"|[^"<>:;])*<((?:"(?:[^"\\]|\\.)*"|[^<>"])*)>\s*$/;
const QUOTED = /"(?:[^"\\]|\\.)*"/g;
const QUOTED_LOCAL = /^"((?:[^"\\]|\\.)*)"@([^"]*)$/;
const ATOMS = /^[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*$/;

const unquoted = (address: string): string =>
  address.replace(/^"((?:[^"\\]|\\.)*)"@/, (_, text: string) => `${text.replace(/\\(.)/g, '$1')}@`);

/** @returns what is wrong with `"quoted local part"@domain`, which complete messages may have */
const quotedFault = (local: string, domain: string): string | undefined => {
  if (local.length > 62 || !/^[ !#-;=?-~]+$/.test(local.replace(/\\(.)/g, '$1')))
    return 'has a quoted part before the @ that is empty, too long, or holds " < > or other than ASCII';
  return asciiDomain(domain) === undefined ? 'has no valid domain after the @' : undefined;
};

/** Quotes that are not needed mean nothing (RFC 5322 3.4.1). */
const canonical = (address: string): string => {
  const bare = unquoted(address);
  return ATOMS.test(bare.slice(0, bare.lastIndexOf('@'))) ? bare : address;
};

const readOne = (item: string): { address: string } | { fault: string } => {
  if (/[:;]/.test(item.replace(QUOTED, ''))) return { fault: 'has a group or a route in it' };
  const plain = item.includes('<') ? NAMED.exec(item)?.[1] : item;
  if (plain === undefined) return { fault: 'is not like Ann <ann@example.org>' };
  // Space around the @ is what a comment there leaves.
  const address = canonical(plain.trim().replace(/\s*@\s*(?=[^"@]*$)/, '@'));
  if (address.includes('=?')) return { fault: 'has an encoded word within the address' };
  const [, local, domain] = QUOTED_LOCAL.exec(address) ?? [];
  const fault = local !== undefined && domain !== undefined ? quotedFault(local, domain) : addressFault(address);
  return fault === undefined ? { address } : { fault };
};

/** Readers that do not know about nesting and backslashes must find no address in what they take for the rest. */
const flatComment = (comment: string): string | undefined => {
  if (!/[()\\]/.test(comment)) return `(${comment})`;
  return /[<>@"]/.test(comment) ? undefined : `(${comment.replace(/[()\\]/g, '')})`;
};

/**
 * Reads a field of mailboxes (From, Sender). Where widespread readers see another address than the grammar does (comments
 * and spaces within an address, routes, encoded words in it), nobody could tell who sends: it is a fault.
 * @param value unfolded
 * @returns the addresses, quoted local parts with their quotes; or what is wrong, to complete "has a From that ..."
 */
export const readMailboxes = (value: string): { addresses: string[] } | { fault: string } => {
  if (value.length > LONGEST) return { fault: `is longer than ${LONGEST} characters` };
  let isFlat = true;
  const flat = replaceComments(value, (comment) => flatComment(comment) ?? ((isFlat = false), ''));
  if (flat === undefined) return { fault: 'has a quote or a parenthesis without its other half' };
  if (!isFlat) return { fault: 'has an address in a comment within a comment' };
  const bare = replaceComments(flat, () => ' ') ?? '';
  const items = bare.match(ITEM) ?? [];
  if (items.join(',').replace(/,/g, '') !== bare.replace(/,/g, ''))
    return { fault: 'is not like Ann <ann@example.org>' };
  const read = items.filter((item) => item.trim() !== '').map(readOne);
  const bad = read.find((one) => 'fault' in one);
  if (bad !== undefined && 'fault' in bad) return bad;
  const addresses = read.flatMap((one) => ('address' in one ? [one.address] : []));
  const others = addressParser(flat).map(({ address }) => unquoted(address ?? ''));
  if (addresses.map(unquoted).join('\n') !== others.join('\n'))
    return { fault: 'mail programs read in different ways: write it like Ann <ann@example.org>' };
  return { addresses };
};
