// Reads JSON from outside so that nothing of it is lost or changed without a word.
import { isUtf8 } from 'node:buffer';
import { printParseErrorCode, visit } from 'jsonc-parser';
import { lossesIn } from './json-loss';
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
    const hint = json.trim() === '' ? 'it is empty' : placeOf(json);
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

/** Escapes of halves of surrogate pairs, or of NUL. In valid UTF-8 they can stand in no other way. */
const ESCAPES = /\\u(?:[dD][89a-fA-F]|0000)/;
/** Numbers of 16 digits or more, with an exponent, or -0. */
const NUMBERS = /[:,[\s](?:-?\d[\d.]{15}|-?\d[\d.]*[eE]|-0(?:\.0*)?[,}\]\s])/;
/** The end of a name and what follows it; some strings hold the like. */
const NAME_ENDS = /"\s*:/g;

const count = (text: string, pattern: RegExp): number => {
  let found = 0;
  for (pattern.lastIndex = 0; pattern.test(text);) found++;
  return found;
};

/**
 * Reads JSON as RFC 8259 has it, and refuses what a value of JavaScript would not hold as it was written: numbers beyond a
 * double, a name given twice in an object, half a surrogate pair; NUL and what `shapeOf` does not allow, too. Whether the
 * text must be looked at closely is found by three cheap passes; each finds rather too much than too little.
 * @param what it is, for messages: `the body`
 * @throws Problem `not-utf-8`, `malformed-json`, `invalid` with pointers
 */
export const readJson = (bytes: Buffer, what: string): unknown => {
  const json = decode(bytes, what);
  const value = parse(json, what);
  const { names, fault } = shapeOf(value);
  if (fault !== undefined) throw refusal(what, [fault]);
  if (ESCAPES.test(json) || NUMBERS.test(json) || count(json, NAME_ENDS) !== names) {
    const losses = lossesIn(json, MOST_ERRORS);
    if (losses.length > 0) throw refusal(what, losses);
  }
  return value;
};

const refusal = (what: string, errors: { path: string; message: string }[]): Problem => {
  const [first] = errors;
  return new Problem('invalid', `${first?.path || what} ${first?.message}`, errors);
};
