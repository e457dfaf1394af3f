// Headers that a client gives by name: what must hold for each, beyond being text for one line.
import { UNFOLDABLE } from '../address/address';

/** Ids of other emails (RFC 5322 3.6.4). */
const OF_IDS = /^(in-reply-to|references)$/i;

/** Addresses of the web and fixed words (RFC 2369, 3834, 5064, 8058): an encoded word would be read as it stands. */
const OF_ASCII =
  /^(list-(unsubscribe|unsubscribe-post|help|subscribe|owner|post|archive)|archived-at|auto-submitted|autocrypt)$/i;

export const isOfIds = (name: string): boolean => OF_IDS.test(name);
export const isOfAscii = (name: string): boolean => OF_ASCII.test(name);

/**
 * Ids as they are given: with angle brackets or without, several separated by space. Only ids of our own are made to the
 * grammar; those of others are repeated as they came.
 * @returns without the brackets; undefined where something else stands among them
 */
export const readIds = (value: string): string[] | undefined => {
  const ids = value.replace(/></g, '> <').split(' ').filter(Boolean);
  const bare = ids
    .map((id) => /^(?:<([!-;=?-~]+)>|([!-;=?-~]+@[!-;=?-~]+))$/.exec(id))
    .map((found) => found?.[1] ?? found?.[2]);
  return bare.every((id) => id !== undefined) && bare.length > 0 ? bare : undefined;
};

/** @returns what is wrong with a header's value, or undefined */
export const headerFault = (name: string, value: string): string | undefined => {
  if (UNFOLDABLE.test(value))
    return 'must have a space at least every 900 characters, and never 60 in a row: header lines are folded there (RFC 5322 2.1.1)';
  if (isOfIds(name) && readIds(value) === undefined)
    return 'must be ids of emails in ASCII, like <id@example.org>, separated by spaces (RFC 5322 3.6.4)';
  if (isOfAscii(name) && (/[^ -~]/.test(value) || value.includes('=?')))
    return 'must be in ASCII: other characters percent-encoded, and no encoded words (=?...?=)';
  return undefined;
};
