// Finds one address wherever it stands in what was written down, and takes it out.
import { domainToUnicode } from 'node:url';
import { suppressionForm } from '../suppressions/suppression';

/** What stands in the place of an address that was erased. */
export const ERASED = '(erased)';

export interface PersonWords {
  /** As it is compared. */
  address: string;
  /** Is it this person's address? In any of its forms: letters of either case, domains in ASCII or not. */
  is(this: void, address: string): boolean;
  /** Does the text, or any text in the value, hold the address? One that only ends or begins so is another. */
  areIn(this: void, value: unknown): boolean;
  /** The value without the address: see `createPersonWords`. */
  takenOutOf<T>(this: void, value: T): T;
}

const escape = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

/**
 * Where an address may begin and end in a text. What may stand in the part before the @ (RFC 5322 3.2.3) begins it unless it is a
 * sign that texts put before addresses: `=` and `/` of URLs, quotation marks. An escape of a URL (`%3D`) is such a sign.
 */
const BEGINS = String.raw`(?<=%[0-9a-f]{2}|^|[^\p{L}\p{M}\p{N}._+%'-]|(?<![\p{L}\p{N}])')`;
const ENDS = String.raw`(?![\p{L}\p{M}\p{N}-]|\.[\p{L}\p{N}])`;

const record = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;

/**
 * In texts `(erased)` takes the place of the address, and of a name before it (`Ann Lee <ann@example.org>`). Lists lose the address, and objects
 * whose `address` or `recipient` it is; objects lose what is kept under it. Of a change (`fields`) that names it both sides go whole.
 */
export const createPersonWords = (address: string): PersonWords => {
  const form = suppressionForm(address);
  const at = form.lastIndexOf('@');
  const [local, domain] = [form.slice(0, at), form.slice(at + 1)];
  const domains = [...new Set([domain, domainToUnicode(domain) || domain])].map(escape).join('|');
  const locals = [...new Set([local, encodeURIComponent(local)])].map(escape).join('|');
  const pattern = `(?:${locals})(?:@|%40)(?:${domains})`;
  const anywhere = new RegExp(`${BEGINS}${pattern}${ENDS}`, 'iu');
  const everywhere = new RegExp(anywhere.source, 'giu');
  const named = new RegExp(`^[^<>]*<${pattern}>$`, 'iu');

  const is = (given: string): boolean => suppressionForm(given) === form;
  const isIn = (text: string): boolean => is(text) || anywhere.test(text.normalize('NFC'));
  const areIn = (value: unknown): boolean => {
    if (typeof value === 'string') return isIn(value);
    if (Array.isArray(value)) return value.some(areIn);
    return Object.entries(record(value) ?? {}).some(([name, inner]) => isIn(name) || areIn(inner));
  };

  const isOne = (value: unknown): boolean => {
    if (typeof value === 'string') return is(value) || named.test(value);
    const { address: own, recipient } = record(value) ?? {};
    return [own, recipient].some((one) => typeof one === 'string' && is(one));
  };
  const textWithout = (text: string): string => {
    if (isOne(text)) return ERASED;
    return isIn(text) ? text.normalize('NFC').replace(everywhere, ERASED) : text;
  };
  const changesWithout = (fields: object): object =>
    Object.fromEntries(
      Object.entries(fields).map(([name, change]) => [
        name,
        areIn(change) ? { before: ERASED, after: ERASED } : change,
      ]),
    );
  const without = (value: unknown): unknown => {
    if (typeof value === 'string') return textWithout(value);
    if (Array.isArray(value)) return value.filter((one) => !isOne(one)).map(without);
    const object = record(value);
    if (object === undefined) return value;
    if (isOne(object)) return { ...(object['recipient'] === undefined ? { address: ERASED } : { recipient: ERASED }) };
    return Object.fromEntries(
      Object.entries(object)
        .filter(([name]) => !isIn(name))
        .map(([name, inner]) => [
          name,
          name === 'fields' && record(inner) ? changesWithout(inner as object) : without(inner),
        ]),
    );
  };

  return { address: form, is, areIn, takenOutOf: <T>(value: T) => without(value) as T };
};
