// Pages of lists: where the next one begins, and what a cursor must be to be believed.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { Problem } from '../../../libs/mail/input/problem';
import { SLUG } from '../../../libs/mail/address/queue-address';

export const badCursor = (): Problem =>
  new Problem(
    'bad-cursor',
    'the cursor is not one of this list: give the nextCursor of the page before as it was, with the same filters, or none',
  );

/** Bytes of a cursor that say which list made it. */
const CHECK_BYTES = 6;

const checkOf = (list: string, value: string): Buffer =>
  createHash('sha256').update(`${list}\n${value}`).digest().subarray(0, CHECK_BYTES);

/**
 * A cursor that holds in one list only: those of others, cut or changed ones are told from it. It is no secret.
 * @param list all that the order of the list depends on
 */
export const sealCursor = (list: string, value: string): string =>
  Buffer.concat([checkOf(list, value), Buffer.from(value)]).toString('base64url');

/** @throws Problem `bad-cursor` */
export const openCursor = (list: string, cursor: string): string => {
  const bytes = Buffer.from(cursor, 'base64url');
  const value = bytes.subarray(CHECK_BYTES).toString();
  if (!/^[\w-]+$/.test(cursor) || sealCursor(list, value) !== cursor) throw badCursor();
  return value;
};

export const PageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(100).meta({ description: 'How many a page has at most.' }),
  cursor: z.string().optional().meta({ description: '`nextCursor` of the page before.' }),
});
export type Page = z.infer<typeof PageQuery>;

/** In lists in the order of their names the cursor is the last name of the page before: slugs, joined by slashes. @throws Problem `bad-cursor` */
export const checkNames = ({ cursor }: Page, pattern: { parts: number; first?: string }): void => {
  if (cursor === undefined) return;
  const parts = cursor.split('/');
  const belongs = pattern.first === undefined || parts[0] === pattern.first;
  if (parts.length !== pattern.parts || !belongs || !parts.every((part) => SLUG.test(part))) throw badCursor();
};

/** Names compare by their characters, as cursors do: not by a language. */
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export const sortByName = <T>(all: T[], nameOf: (one: T) => string): T[] =>
  [...all].sort((a, b) => compare(nameOf(a), nameOf(b)));

/**
 * @param all in any order; may lack what comes after the page, but for one
 * @returns the page, and the cursor of the next one or null where there is none
 */
export const pageOf = <T>(
  all: T[],
  nameOf: (one: T) => string,
  { limit, cursor = '' }: Page,
): { page: T[]; nextCursor: string | null } => {
  const rest = sortByName(all, nameOf).filter((one) => nameOf(one) > cursor);
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  return { page, nextCursor: rest.length > limit && last !== undefined ? nameOf(last) : null };
};
