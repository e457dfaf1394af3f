// A complete message as a client hands it in: read, checked, and brought into the form in which it may travel.
import { addressParser, decodeWords } from 'postal-mime';
import { addressFault, type Address } from './address';

/** What is wrong with a raw message; the text completes "raw ...". */
export class RawFault extends Error {
  override name = 'RawFault';
}

export interface RawMessage {
  /** With CRLF line ends and without the fields that must not travel. */
  bytes: Buffer;
  from: Address;
  subject?: string;
  /** Without the angle brackets; absent where the message has none. */
  messageId?: string;
  /** It has a Date of its own. */
  dated: boolean;
  /** Its body has bytes beyond ASCII: the server must take 8BITMIME (RFC 6152). */
  eightBit: boolean;
}

/** The header of a message is read whole; more is an attack, not a message. Bytes. */
const MOST_HEADER = 256 * 1024;

/** Characters of From, unfolded. */
const LONGEST_FROM = 2_000;

/** Fields that tell who gets the email (RFC 5322 3.6.3) or are written by servers on the way (RFC 5321 4.4). */
const NOT_SENT = new Set(['bcc', 'resent-bcc', 'return-path']);

/** At most once in a message (RFC 5322 3.6). */
const ONCE = [
  'date',
  'from',
  'sender',
  'reply-to',
  'to',
  'cc',
  'message-id',
  'subject',
  'mime-version',
  'content-type',
  'content-transfer-encoding',
];

interface Field {
  /** In lower case. */
  name: string;
  /** Unfolded. */
  value: string;
  /** As it stands in the message, without the last line end. */
  text: string;
}

const readFields = (header: string): Field[] => {
  const texts: string[] = [];
  for (const line of header.split('\r\n')) {
    if (/^[ \t]/.test(line) && texts.length > 0) texts[texts.length - 1] += `\r\n${line}`;
    else texts.push(line);
  }
  return texts.map((text) => {
    const [, name, value] = /^([!-9;-~]+)[ \t]*:(.*)$/s.exec(text) ?? [];
    if (name === undefined || value === undefined) {
      throw new RawFault(`has a line in its header that is no header field: ${JSON.stringify(text.slice(0, 60))}`);
    }
    return { name: name.toLowerCase(), value: value.replace(/\r\n/g, '').trim(), text };
  });
};

const QUOTED_OR_COMMENT = /"(?:[^"\\]|\\.)*"|\((?:[^()\\]|\\.)*\)/g;

/**
 * Is it `address` or `name <address>`, with quotes and comments where RFC 5322 3.4 has them? Of anything else, like two
 * addresses side by side, every reader shows another one than was checked here.
 */
const isOneMailbox = (value: string): boolean => {
  const rest = value.replace(QUOTED_OR_COMMENT, '');
  return /^\s*[^\s<>"()]+\s*$|^[^<>"()]*<[^\s<>"()]+>\s*$/.test(rest);
};

const readFrom = (fields: Field[]): Address => {
  const value = fields.find(({ name }) => name === 'from')?.value;
  if (value === undefined) throw new RawFault('has no From (RFC 5322 3.6 demands one)');
  const [one, ...others] = addressParser(value);
  if (one?.address === undefined || others.length > 0) throw new RawFault('must have exactly one address in From');
  if (value.length > LONGEST_FROM || !isOneMailbox(value))
    throw new RawFault('must have a From like Ann <ann@example.org>');
  const fault = addressFault(one.address);
  if (fault !== undefined) throw new RawFault(`has a From address that ${fault}`);
  return one.name ? { name: one.name, address: one.address } : { address: one.address };
};

const checkOnce = (fields: Field[]): void => {
  for (const name of ONCE) {
    const count = fields.filter((field) => field.name === name).length;
    if (count > 1) throw new RawFault(`has ${count} fields ${name}; only one is allowed (RFC 5322 3.6)`);
  }
};

const [LF, CR] = [0x0a, 0x0d];
/** Of a line without its end (RFC 5322 2.1.1). Bytes. */
const LONGEST_LINE = 998;

/**
 * Bytes as they travel: bare CR and LF become CRLF, and the last line has an end too. Byte by byte, since messages may be large.
 */
export const withCrlf = (given: Buffer): Buffer => {
  const isLone = (at: number): boolean =>
    given[at] === CR ? given[at + 1] !== LF : given[at] === LF && given[at - 1] !== CR;
  let lone = 0;
  for (let at = 0; at < given.length; at++) if (isLone(at)) lone++;
  const last = given.at(-1);
  const isOpen = last !== undefined && last !== LF && last !== CR;
  if (lone === 0) return isOpen ? Buffer.concat([given, Buffer.from('\r\n')]) : given;
  const all = Buffer.allocUnsafe(given.length + lone);
  for (let at = 0, to = 0; at < given.length; at++) {
    const byte = given[at] ?? 0;
    if (!isLone(at)) all[to++] = byte;
    else {
      all[to++] = CR;
      all[to++] = LF;
    }
  }
  return isOpen ? Buffer.concat([all, Buffer.from('\r\n')]) : all;
};

const checkLines = (bytes: Buffer): void => {
  let length = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    length = byte === CR || byte === LF ? 0 : length + 1;
    if (length > LONGEST_LINE) throw new RawFault(`has a line of more than ${LONGEST_LINE} bytes (RFC 5322 2.1.1)`);
  }
};

const hasEightBit = (bytes: Buffer): boolean => {
  for (let at = 0; at < bytes.length; at++) if ((bytes[at] ?? 0) > 0x7f) return true;
  return false;
};

/** Where its header ends, with the line end of its last field, and where its body begins, with the empty line. */
const splitAt = (bytes: Buffer): number => {
  if (bytes[0] === CR) return 0;
  const end = bytes.indexOf('\r\n\r\n');
  return end < 0 ? bytes.length : end + 2;
};

/**
 * Reads a message of RFC 5322. Bare CR and LF become CRLF before anything else is looked at, so that no server on the way
 * sees other lines than were checked here.
 * @throws RawFault
 */
export const readRawMessage = (given: Buffer): RawMessage => {
  if (given.includes(0)) throw new RawFault('must not hold NUL bytes (RFC 5322 4)');
  const whole = withCrlf(given);
  const split = splitAt(whole);
  if (split > MOST_HEADER) throw new RawFault(`has a header of more than ${MOST_HEADER} bytes`);
  const header = whole.toString('latin1', 0, split).replace(/\r\n$/, '');
  const body = split === whole.length ? Buffer.from('\r\n') : whole.subarray(split);
  if (/[^\x09\x20-\x7e\r\n]/.test(header)) {
    throw new RawFault('must have only printable ASCII in its header: encode other characters (RFC 2047)');
  }
  checkLines(whole);
  const fields = readFields(header);
  checkOnce(fields);
  const valueOf = (name: string): string | undefined => fields.find((field) => field.name === name)?.value;
  const subject = valueOf('subject');
  const messageId = /^<([^<>\s]+@[^<>\s]+)>$/.exec(valueOf('message-id') ?? '')?.[1];
  if (messageId === undefined && valueOf('message-id') !== undefined) {
    throw new RawFault('has a Message-ID that is not like <unique@domain> (RFC 5322 3.6.4)');
  }
  const kept = fields.filter(({ name }) => !NOT_SENT.has(name)).map((field) => `${field.text}\r\n`);
  return {
    bytes: Buffer.concat([Buffer.from(kept.join(''), 'latin1'), body]),
    from: readFrom(fields),
    ...(subject !== undefined && { subject: decodeWords(subject) }),
    ...(messageId !== undefined && { messageId }),
    dated: valueOf('date') !== undefined,
    eightBit: hasEightBit(body),
  };
};
