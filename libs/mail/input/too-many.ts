// Lists and names are counted before a schema walks through them: each entry of a list that is far too long would be complained of.
import type { z } from 'zod';

/** Names beyond those that a schema knows, of which the first ones are told. */
const MOST_UNKNOWN = 20;

interface TooMany {
  path: PropertyKey[];
  message: string;
}

/** What a schema is made of (zod's `_zod.def`, which is there for whoever works on schemas). */
interface Def {
  type: string;
  innerType?: z.core.$ZodType;
  in?: z.core.$ZodType;
  out?: z.core.$ZodType;
  element?: z.core.$ZodType;
  options?: readonly z.core.$ZodType[];
  shape?: Record<string, z.core.$ZodType>;
  catchall?: z.core.$ZodType;
  checks?: readonly { _zod: { def: { check: string; maximum?: number } } }[];
}

const maximumOf = ({ checks = [] }: Def): number =>
  Math.min(...checks.map(({ _zod: { def } }) => (def.check === 'max_length' ? (def.maximum ?? Infinity) : Infinity)));

/** What was found in a part, by its place in the whole. */
const under = (name: PropertyKey, found: TooMany): TooMany => ({ ...found, path: [name, ...found.path] });

const inList = (def: Def, value: readonly unknown[]): TooMany | undefined => {
  const maximum = maximumOf(def);
  if (value.length > maximum)
    return { path: [], message: `has ${value.length} entries: at most ${maximum} are allowed` };
  if (def.element === undefined) return undefined;
  for (let index = 0; index < value.length; index++) {
    const found = tooMany(def.element, value[index]);
    if (found !== undefined) return under(index, found);
  }
  return undefined;
};

const inObject = ({ shape = {}, catchall }: Def, value: object): TooMany | undefined => {
  let unknown = 0;
  // Entries of all would be made before the first is counted; what JSON made has no names but its own.
  for (const name in value) {
    const schema = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (schema !== undefined) {
      const found = tooMany(schema, (value as Record<string, unknown>)[name]);
      if (found !== undefined) return under(name, found);
    } else if (catchall !== undefined && ++unknown > MOST_UNKNOWN)
      return {
        path: [],
        message: `has more than ${MOST_UNKNOWN} fields that are not known, among them ${name.slice(0, 60)}`,
      };
  }
  return undefined;
};

/** Of several kinds that may stand there, it is too much where it is too much for each that it could be. */
const inUnion = ({ options = [] }: Def, value: unknown): TooMany | undefined => {
  const kind = Array.isArray(value) ? 'array' : 'object';
  const fitting = options.filter((option) => kindOf(option) === kind);
  const found = fitting.map((option) => tooMany(option, value));
  return found.every((one) => one !== undefined) ? found[0] : undefined;
};

const kindOf = (schema: z.core.$ZodType): string => {
  const def = schema._zod.def as Def;
  const inner = def.innerType ?? (def.type === 'pipe' ? def.in : undefined);
  return inner === undefined ? def.type : kindOf(inner);
};

/** @returns the first list or object in it that holds more than the schema lets it, looked for without validating */
export const tooMany = (schema: z.core.$ZodType, value: unknown): TooMany | undefined => {
  if (typeof value !== 'object' || value === null) return undefined;
  const def = schema._zod.def as Def;
  if (def.innerType !== undefined) return tooMany(def.innerType, value);
  switch (def.type) {
    case 'pipe':
      return (def.in && tooMany(def.in, value)) ?? (def.out && tooMany(def.out, value));
    case 'union':
      return inUnion(def, value);
    case 'array':
      // Where one thing may stand for a list of it.
      return Array.isArray(value) ? inList(def, value) : def.element && tooMany(def.element, value);
    case 'object':
      return Array.isArray(value) ? undefined : inObject(def, value);
    default:
      return undefined;
  }
};
