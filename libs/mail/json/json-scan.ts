// Looks through a JSON text before it is parsed, in slices: how much is in it, and whether a value would lose something.
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { isHeld } from './json-loss';

/** What a text has in it. Of a text that is no JSON this says nothing: the parser refuses it. */
export interface JsonScan {
  /** Values, each list and object being one and each of its members another. */
  values: number;
  /** Names of members, one given twice counted twice. */
  names: number;
  /** A number that a double does not hold as it is written. */
  hasLossyNumber: boolean;
  /** A string has an escape by number: half a surrogate pair or NUL can stand in UTF-8 in no other way. */
  hasEscape: boolean;
}

/** Bytes that are looked at before others have their turn: about 2 ms. */
const SLICE = 1024 * 1024;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPENING_BRACKET = 0x5b;
const OPENING_BRACE = 0x7b;
const U = 0x75;
const E = 0x65;
const MINUS = 0x2d;

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;
const isOfNumber = (byte: number): boolean =>
  isDigit(byte) || byte === MINUS || byte === 0x2b || byte === 0x2e || (byte | 0x20) === E;

/** Numbers of at most 15 digits without an exponent are held; the others are looked at. */
const isPlain = (source: string): boolean => source.length <= 15 && !/[eE]|^-0/.test(source);

/** Bytes of a number's text that are compared: no longer one is held exactly, but by its zeros. */
const LONGEST_NUMBER = 2_000;

/**
 * @param most values; the scan ends where there are more
 * @returns what is there; `values` is above `most` where the scan ended early
 */
export const scanJson = async (bytes: Buffer, most: number): Promise<JsonScan> => {
  const scan: JsonScan = { values: 1, names: 0, hasLossyNumber: false, hasEscape: false };
  const { length } = bytes;
  let inString = false;
  for (let at = 0; at < length && scan.values <= most;) {
    for (const end = Math.min(at + SLICE, length); at < end; at++) {
      const byte = bytes[at] ?? 0;
      if (inString) {
        if (byte === BACKSLASH) {
          at++;
          if (bytes[at] === U) scan.hasEscape = true;
        } else if (byte === QUOTE) inString = false;
      } else if (byte === QUOTE) inString = true;
      else if (byte === COMMA || byte === OPENING_BRACKET || byte === OPENING_BRACE) scan.values++;
      else if (byte === COLON) scan.names++;
      else if (isDigit(byte) || byte === MINUS) {
        const from = at;
        while (at + 1 < length && at - from < LONGEST_NUMBER && isOfNumber(bytes[at + 1] ?? 0)) at++;
        const source = bytes.toString('latin1', from, at + 1);
        if (!isPlain(source) && !isHeld(source)) scan.hasLossyNumber = true;
      }
    }
    if (at < length) await yieldToOthers();
  }
  return scan;
};
