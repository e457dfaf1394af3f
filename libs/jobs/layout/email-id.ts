// Ids of emails: made by the server, sortable by time, short, and never a word that BullMQ uses itself.
import { createHash } from 'node:crypto';
import { V7Generator } from 'uuidv7';

const DIGITS = '0123456789abcdefghijklmnopqrstuv';
const ID = /^m_[0-9a-v]{26}$/;

/** By the code of a digit: the one that sorts as far from the end as it does from the beginning. */
const INVERTED: string[] = [];
for (const [index, digit] of [...DIGITS].entries()) INVERTED[digit.charCodeAt(0)] = DIGITS.charAt(31 - index);

/** Base32hex (RFC 4648 section 7) of 128 bits, lower case: it sorts as the bytes do. */
const encode = (bytes: Uint8Array): string => {
  let digits = '';
  let [held, bits] = [0, 0];
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) digits += DIGITS.charAt((held >> (bits - 5)) & 31);
  }
  return digits + DIGITS.charAt((held << (5 - bits)) & 31);
};

const generator = new V7Generator();

/**
 * `m_` and a UUIDv7 (RFC 9562 5.7) in base32hex: later ids are greater, also within a millisecond of one process.
 * @param now ms since 1970, by the clock that all processes share: lists are in the order of ids
 */
export const newEmailId = (now: number): string =>
  `m_${encode(generator.generateOrResetWithTs(Math.floor(now)).bytes)}`;

/**
 * The id of an email that belongs to another id: the same for the same index, of the same time, in the order of the indexes.
 * @param seed an id of `newEmailId`, given to nothing else
 * @param index 0 to 4095
 */
export const emailIdAt = (seed: string, index: number): string => {
  const bytes = createHash('sha256').update(`${seed} ${index}`).digest().subarray(0, 16);
  bytes.writeUIntBE(idTime(seed), 0, 6);
  // Version 7 and variant 2 of RFC 9562, the index in the twelve bits between.
  bytes.writeUInt16BE(0x7000 | index, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return `m_${encode(bytes)}`;
};

/** The same for an operation: `o_` before it. */
export const newOperationId = (now: number): string => newEmailId(now).replace(/^m_/, 'o_');

export const isEmailId = (text: string): boolean => ID.test(text);

/** The least id that an email accepted at this time (ms) could have: a bound for ranges of time. */
export const idBound = (ms: number): string => {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(Math.max(0, Math.floor(ms))) << 16n);
  return `m_${encode(bytes)}`;
};

/** The time at which an id was made, ms since 1970. */
export const idTime = (id: string): number => {
  const value = [...id.slice(2, 12)].reduce((sum, digit) => (sum << 5n) | BigInt(DIGITS.indexOf(digit)), 0n);
  return Number(value >> 2n);
};

/** The id's digits turned round, so that ascending order means newest first. Its own inverse. */
export const invertDigits = (digits: string): string => {
  let inverted = '';
  for (let index = 0; index < digits.length; index++) inverted += INVERTED[digits.charCodeAt(index)] ?? '';
  return inverted;
};
