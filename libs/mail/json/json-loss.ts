// What of a JSON text would be lost or changed in values of JavaScript, and where.
import { visit, type JSONPath } from 'jsonc-parser';
import { pointer, type InputError } from '../input/problem';

/** The digits that count and the power of ten of the last one; the same for `1.50`, `15e-1` and `1.5`. */
const decimal = (source: string): string => {
  const [, int = '', fraction = '', power = '0'] = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(source) ?? [];
  const all = `${int}${fraction}`.replace(/^0+/, '');
  const digits = all.replace(/0+$/, '');
  return digits === '' ? '0' : `${digits}e${Number(power) - fraction.length + all.length - digits.length}`;
};

/**
 * Does a double (IEEE 754 binary64) hold this number as it is written? Trailing zeros and the way of writing the exponent
 * say nothing. Fractions may also have the 17 digits that tell every double from its neighbours: many programs write
 * 0.1 as 0.10000000000000001.
 * @param source a number of RFC 8259 section 6
 */
export const isHeld = (source: string): boolean => {
  const value = Number(source);
  if (String(value) === source) return true;
  if (!Number.isFinite(value) || Object.is(value, -0)) return false;
  const given = decimal(source);
  if (given === decimal(String(value))) return true;
  return Math.abs(value) < Number.MAX_SAFE_INTEGER && given === decimal(value.toPrecision(17));
};

const LONGEST_SHOWN = 40;
const shown = (source: string): string =>
  source.length <= LONGEST_SHOWN ? source : `${source.slice(0, LONGEST_SHOWN)}…`;

const numberFault = (source: string): string | undefined => {
  if (isHeld(source)) return undefined;
  const value = Number(source);
  const became = Number.isFinite(value) ? `it would become ${value}` : 'it is too large';
  return `cannot be kept as the number ${shown(source)}: ${became}; give it as a string, "${shown(source)}"`;
};

/** Nearly all texts have none of these; of pairs, the second expression tells the halves that stand alone. */
const RARE = /[\0\ud800-\udfff]/;
const HALF = /\p{Surrogate}/u;

const textFault = (text: string): string | undefined => {
  if (!RARE.test(text)) return undefined;
  if (HALF.test(text))
    return 'holds half of a character (a lone \\ud800 to \\udfff): give both halves, or the character itself in UTF-8';
  if (text.includes('\0')) return 'holds the character NUL (\\u0000), which no email can carry: take it out';
  return undefined;
};

/**
 * Reads a text that `JSON.parse` takes once more, by its tokens. Costs several times as much: for the texts alone that have
 * something to be looked at.
 * @param most faults told
 * @returns numbers that a double does not hold, names given twice in one object, halves of surrogate pairs and NULs
 */
export const lossesIn = (json: string, most: number): InputError[] => {
  const faults: InputError[] = [];
  const objects: Set<string>[] = [];
  const complain = (path: JSONPath, message: string | undefined): void => {
    if (message !== undefined && faults.length < most) faults.push({ path: pointer(path), message });
  };
  visit(
    json,
    {
      onObjectBegin: () => void objects.push(new Set()),
      onObjectEnd: () => void objects.pop(),
      onObjectProperty(name, _offset, _length, line, column, pathOf) {
        const fault = textFault(name);
        if (fault !== undefined) complain(pathOf(), `has a name in line ${line + 1} that ${fault}`);
        const names = objects.at(-1);
        if (names?.has(name) === true)
          complain(
            [...pathOf(), name],
            `is given twice, again in line ${line + 1}, column ${column + 1}: give it once`,
          );
        names?.add(name);
      },
      onLiteralValue(value, offset, length, _line, _column, pathOf) {
        if (typeof value === 'string') {
          const fault = textFault(value);
          if (fault !== undefined) complain(pathOf(), fault);
        } else if (typeof value === 'number') {
          const fault = numberFault(json.slice(offset, offset + length));
          if (fault !== undefined) complain(pathOf(), fault);
        }
      },
    },
    { disallowComments: true },
  );
  return faults;
};
