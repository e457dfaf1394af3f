// By which recipients emails can be looked for, and in which form their addresses are kept for that.
import { domainToASCII, domainToUnicode } from 'node:url';
import { z } from 'zod';
import { addressFault, AddressInput, normalizeAddress } from './address';

/** How an address is looked for: in lower case, its domain as people write it (U-labels, RFC 5890 2.3.2.1), so that it may be cut. */
export interface SearchForm {
  local: string;
  domain: string;
}

export const searchForm = (address: string): SearchForm => {
  const normal = normalizeAddress(address).normalize('NFC');
  const at = normal.lastIndexOf('@');
  const domain = normal.slice(at + 1);
  return { local: normal.slice(0, at), domain: domainToUnicode(domain) || domain };
};

/** What emails are looked for by: a part that ends in `*` stands for all that begin so. */
export type RecipientPattern = SearchForm;

/** The same in a query. */
export const RecipientFilter = z
  .string()
  .min(1)
  .max(1_000)
  .superRefine((text, context) => {
    const read = readRecipientPattern(text);
    if (typeof read === 'string') context.addIssue({ code: 'custom', message: read });
  });

const SPACE_FOR_PLUS = 'holds a space, which no address does: in the query of a URL write + as %2B';
const UNANSWERABLE =
  'must be an address, the beginning of one followed by *, or *@ and a domain: nothing else can be looked for';

/** The beginning of a domain, with what of it is whole labels in the form in which it is looked for. */
const domainPrefix = (text: string): string | undefined => {
  const lower = text.toLowerCase().normalize('NFC');
  const whole = lower.slice(0, lower.lastIndexOf('.') + 1);
  const last = lower.slice(whole.length);
  if (last.startsWith('xn--')) return undefined;
  const labels = whole === '' ? '' : `${domainToUnicode(domainToASCII(whole.slice(0, -1))) || whole.slice(0, -1)}.`;
  return labels + last;
};

/**
 * Reads what emails are looked for by: an address as in an email (also with a name), `ann*`, `ann@exam*`, `*@example.org`.
 * @returns what is wrong with it, where it cannot be answered
 */
export const readRecipientPattern = (text: string): RecipientPattern | string => {
  const given = text.trim();
  if (!given.includes('*') || given.includes('<')) {
    const read = AddressInput.safeParse(given);
    if (read.success) return searchForm(read.data.address);
    if (given.includes('*')) return UNANSWERABLE;
    return /^\S+ \S+@\S+$/.test(given) ? SPACE_FOR_PLUS : (read.error.issues[0]?.message ?? UNANSWERABLE);
  }
  if (/\s/.test(given)) return SPACE_FOR_PLUS;
  const at = given.lastIndexOf('@');
  const [local, domain] = at < 0 ? [given, '*'] : [given.slice(0, at), given.slice(at + 1)];
  const cut = (part: string): boolean => part.includes('*') && part.indexOf('*') === part.length - 1;
  if (at < 0) return cut(local) ? { local: local.toLowerCase().normalize('NFC'), domain: '*' } : UNANSWERABLE;
  if (local !== '*' && (local === '' || local.includes('*'))) return UNANSWERABLE;
  const lower = local.toLowerCase().normalize('NFC');
  if (!domain.includes('*')) {
    const fault = addressFault(`any@${domain}`);
    return fault ?? { local: lower, domain: searchForm(`any@${domain}`).domain };
  }
  const prefix = cut(domain) ? domainPrefix(domain.slice(0, -1)) : undefined;
  if (prefix === undefined)
    return cut(domain)
      ? 'is cut within an xn-- label: write the domain as people read it, or give it whole'
      : UNANSWERABLE;
  return { local: lower, domain: `${prefix}*` };
};
