// The fields of a form, as a page reads them.
import type { Form, Visit } from './page';

/** @param body as express' urlencoded parser leaves it; undefined where no form was sent */
export const readForm = (body: unknown): Form => {
  const fields = (body ?? {}) as Record<string, string | string[] | undefined>;
  const all = (name: string): string[] => {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    return value === undefined ? [] : Array.isArray(value) ? value : [value];
  };
  return {
    all,
    raw: (name) => all(name).at(-1)?.replace(/\r\n/g, '\n'),
    get: (name) => all(name).at(-1)?.trim(),
    has: (name) => all(name).length > 0,
    isSent: body !== undefined,
  };
};

/** The same visit, as if nothing had been typed: what was is saved, or was nothing. */
export const afresh = (visit: Visit): Visit => ({ ...visit, form: readForm(undefined) });
