// Addresses from which data and documents may be fetched: prefixes that the operator allows, compared as parsed URLs.
import { z } from 'zod';

const parse = (text: string): URL | undefined => (URL.canParse(text) ? new URL(text) : undefined);

const isWeb = (url: URL): boolean =>
  (url.protocol === 'https:' || url.protocol === 'http:') && url.username === '' && url.password === '';

/** Printable ASCII only: what a parser would silently drop or turn into something else is not there. */
const WebAddress = z
  .string()
  .max(2_048)
  .regex(/^https?:\/\/[!-~]+$/i, 'must be an http or https URL in ASCII, other characters percent-encoded')
  .refine((text) => {
    const url = parse(text);
    return url !== undefined && isWeb(url);
  }, 'must be an http or https URL without user and password');

/** The address of one document. */
export const SourceUrl = WebAddress.meta({ id: 'SourceUrl' });

/** What the addresses of documents may begin with. */
export const SourcePrefix = WebAddress.refine((text) => !/[?#]/.test(text), 'must end with its path: no ? and no #')
  .refine((text) => {
    const url = parse(text);
    return url === undefined || isPlainPath(url.pathname);
  }, 'must have a path without encoded slashes and dots')
  .meta({ id: 'SourcePrefix', examples: ['https://erp.acme.example/mail-data/'] });

const DOTS = /(^|\/)\.{1,2}(;[^/]*)?(\/|$)/;

const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
};

/**
 * Does a path mean the same to everybody? Servers differ in whether they decode `%2f`, `%2e` and `%5c` before they look
 * for `..`, some decode twice, and some cut parameters off a segment (`..;x`): what any of them could read as a step
 * upwards, or as another number of segments, is not plain.
 */
const isPlainPath = (pathname: string): boolean => {
  const slashes = pathname.split('/').length;
  let text = pathname;
  for (let round = 0; round < 4; round++) {
    if (DOTS.test(text) || /[\\\0]/.test(text) || text.split('/').length !== slashes) return false;
    const next = decoded(text);
    // In the first round it is not well formed; later it holds a percent sign that was meant.
    if (next === undefined) return round > 0;
    if (next === text) return true;
    text = next;
  }
  return false;
};

const isUnder = (path: string, prefix: string): boolean =>
  prefix.endsWith('/') ? path.startsWith(prefix) : path === prefix || path.startsWith(`${prefix}/`);

/**
 * Is the address under one of the prefixes? Scheme, host and port must be equal, the path must go on where a segment of the
 * prefix ends. Compared after parsing, so that no spelling goes round it.
 */
export const isAllowedSource = (address: string, prefixes: readonly string[]): boolean => {
  const url = parse(address);
  if (url === undefined || !isWeb(url) || !isPlainPath(url.pathname)) return false;
  return prefixes.some((text) => {
    const prefix = parse(text);
    return prefix !== undefined && prefix.origin === url.origin && isUnder(url.pathname, prefix.pathname);
  });
};
