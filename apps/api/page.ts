// Pages of lists in the order of their names: the cursor is the last name of the page before.
import { z } from 'zod';
import { SLUG } from '../../libs/mail/queue-address';

export const PageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(100),
  cursor: z
    .string()
    .refine((text) => text.split('/').every((part) => SLUG.test(part)), 'must be the nextCursor of the page before')
    .optional(),
});
export type Page = z.infer<typeof PageQuery>;

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
