// Reads JSON from outside so that nothing of it is lost or changed without a word.
import { isUtf8 } from 'node:buffer';
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { printParseErrorCode, visit } from 'jsonc-parser';
import { lossesIn } from './json-loss';
import { scanJson } from './json-scan';
import { shapeOf } from './json-shape';
import { MOST_ERRORS, Problem } from '../input/problem';

const EXPECTED: Record<string, string> = {
  InvalidSymbol: 'a value: a string in double quotes, a number, true, false, null, [ or { (no other word is JSON)',
  InvalidNumberFormat: 'a number as JSON has them, like 12 or -1.5',
  PropertyNameExpected: 'a field name in double quotes (after the last field there is no comma)',
  ValueExpected: 'a value (after the last one of a list there is no comma)',
  ColonExpected: 'a colon between a field and its value',
  CommaExpected: 'a comma before the next one',
  CloseBraceExpected: 'a } that ends the object',
  CloseBracketExpected: 'a ] that ends the list',
  EndOfFileExpected: 'nothing more after the value',
  InvalidCommentToken: 'no comment: JSON has none',
  UnexpectedEndOfComment: 'no comment: JSON has none',
  UnexpectedEndOfString: 'a double quote that ends the string in its line (line breaks in it are written \\n)',
  UnexpectedEndOfNumber: 'another digit of the number',
  InvalidUnicode: 'four hexadecimal digits after \\u',
  InvalidEscapeCharacter: 'one of " \\ / b f n r t u after a backslash',
  InvalidCharacter: 'no control characters in a string: a line break is written \\n, a tab \\t',
};

class Found extends Error {}

/** Where a text stops being JSON, and what should stand there. */
const placeOf = (json: string): string => {
  let place = 'it could not be read to its end';
  try {
    visit(
      json,
      {
        onError(code, _offset, _length, line, column) {
          const expected = EXPECTED[printParseErrorCode(code)] ?? 'something else';
          place = `in line ${line + 1}, column ${column + 1}, there should be ${expected}`;
          throw new Found();
        },
      },
      { disallowComments: true },
    );
  } catch (error) {
    // A text nested so deeply that the stack ends is told without a place.
    if (!(error instanceof Found) && !(error instanceof RangeError)) throw error;
  }
  return place;
};

const parse = (json: string, what: string): unknown => {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    const hint =
      json.trim() === ''
        ? 'it is empty'
        : json.length > LONGEST_LOCATED
          ? 'it is too large to say where; was it cut off on its way?'
          : placeOf(json);
    throw new Problem('malformed-json', `${what} is not valid JSON: ${hint}`);
  }
};

/** The first byte that does not belong to a character, from 0. */
const firstFault = (bytes: Buffer): number => {
  const again = Buffer.from(bytes.toString('utf8'));
  let at = 0;
  while (bytes[at] === again[at]) at++;
  return at;
};

const decode = (bytes: Buffer, what: string): string => {
  if (!isUtf8(bytes)) {
    throw new Problem(
      'not-utf-8',
      `${what} is not UTF-8 from byte ${firstFault(bytes)} on: JSON is sent in UTF-8 (RFC 8259 8.1); convert it from Latin-1, Windows-1252 or UTF-16 first`,
    );
  }
  const text = bytes.toString('utf8');
  // A byte order mark is ignored, as RFC 8259 8.1 allows.
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
};

/** Values that one text may have: a million of them would hold everybody up while they are read. */
const MOST_VALUES = 100_000;
/** With more of them, others have their turn between the parsing, the look at what was parsed, and what is done with it. */
const MANY_VALUES = 10_000;
/** A text up to this is read once more to say where it is wrong; of a larger one only what. Characters. */
const LONGEST_LOCATED = 1024 * 1024;

const WHAT_IS_LOST =
  'has a number that cannot be kept as it is written, a name that is given twice in one object, half of a character ' +
  '(a lone \\ud800 to \\udfff), or NUL (\\u0000); it is too large to say where: try a part of it alone';

const refusal = (what: string, errors: { path: string; message: string }[]): Problem => {
  const [first] = errors;
  return new Problem('invalid', `${first?.path || what} ${first?.message}`, errors);
};

/**
 * Reads JSON as RFC 8259 has it, and refuses what a value of JavaScript would not hold as it was written: numbers beyond a
 * double, a name given twice in an object, half a surrogate pair; NUL, too many values and what `shapeOf` does not allow, too.
 * Nothing in it holds up the process for longer than its parsing, which is bounded by the number of values.
 * @param what it is, for messages: `the body`
 * @throws Problem `not-utf-8`, `malformed-json`, `invalid` with pointers
 */
export const readJson = async (bytes: Buffer, what: string): Promise<unknown> => {
  const json = decode(bytes, what);
  const { values, names, hasLossyNumber, hasEscape } = await scanJson(bytes, MOST_VALUES);
  if (values > MOST_VALUES) {
    const message = `has more than ${MOST_VALUES} values: send less at once, in several requests`;
    throw refusal(what, [{ path: '', message }]);
  }
  const value = parse(json, what);
  if (values > MANY_VALUES) await yieldToOthers();
  const shape = shapeOf(value, hasEscape);
  if (values > MANY_VALUES) await yieldToOthers();
  if (shape.fault !== undefined) throw refusal(what, [shape.fault]);
  if (hasLossyNumber || shape.hasBrokenText || shape.names !== names) {
    if (json.length > LONGEST_LOCATED) throw refusal(what, [{ path: '', message: WHAT_IS_LOST }]);
    const losses = lossesIn(json, MOST_ERRORS);
    if (losses.length > 0) throw refusal(what, losses);
  }
  return value;
};
