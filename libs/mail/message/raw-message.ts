// A complete message as a client hands it in: read, checked, and brought into the form in which it may travel.
import { isAscii, isUtf8 } from 'node:buffer';
import { decodeWords } from 'postal-mime';
import { withoutComments } from '../address/comments';
import { readMailboxes } from '../address/mailbox';

/** What is wrong with a raw message; the text completes "raw ...". */
export class RawFault extends Error {
  override name = 'RawFault';
}

export interface RawMessage {
  /** With CRLF line ends and without the fields that must not travel. */
  bytes: Buffer;
  /** The address of its From; where From has several, that of its Sender. */
  from: string;
  /** The addresses of its From. */
  authors: string[];
  subject?: string;
  /** Without the angle brackets; absent where the message has none. */
  messageId?: string;
  /** It has a Date of its own. */
  dated: boolean;
  /** Its body has bytes beyond ASCII: the server must take 8BITMIME (RFC 6152). */
  eightBit: boolean;
  /** Its header has them: the server must take SMTPUTF8 (RFC 6531). */
  utf8: boolean;
}

/** The header of a message is read whole; more is an attack, not a message. Bytes. */
const MOST_HEADER = 256 * 1024;

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

/**
 * Some take a line of nothing but spaces for the end of the header (RFC 5322 3.2.2 forbids to write one): its spaces go to the
 * end of the line before it, which means the same.
 */
const withoutBlankLines = (field: string): string => field.replace(/\r\n([ \t]+)(?=\r\n|$)/g, '$1');

const readFields = (header: string): Field[] => {
  const texts: string[] = [];
  for (const line of header.split('\r\n')) {
    if (/^[ \t]/.test(line) && texts.length > 0) texts[texts.length - 1] += `\r\n${line}`;
    else texts.push(line);
  }
  return texts.map((text) => {
    const [, name, value] = /^([!-9;-~]+)[ \t]*:(.*)$/s.exec(text) ?? [];
    if (name === undefined || value === undefined) {
      if (/^>?From /.test(text) && text === texts[0])
        throw new RawFault('begins with a line of an mbox file ("From ..." without a colon): take that line out');
      throw new RawFault(`has a line in its header that is no header field: ${JSON.stringify(text.slice(0, 60))}`);
    }
    return { name: name.toLowerCase(), value: value.replace(/\r\n/g, '').trim(), text: withoutBlankLines(text) };
  });
};

/** @returns the addresses of the field; none where the message does not have it */
const mailboxesOf = (fields: Field[], name: 'from' | 'sender'): string[] => {
  const field = fields.find((one) => one.name === name);
  if (field === undefined) return [];
  const read = readMailboxes(field.value);
  if ('fault' in read) throw new RawFault(`has a ${name === 'from' ? 'From' : 'Sender'} that ${read.fault}`);
  return read.addresses;
};

/** Who wrote it and who sends it (RFC 5322 3.6.2). */
const readSenders = (fields: Field[]): Pick<RawMessage, 'from' | 'authors'> => {
  const authors = mailboxesOf(fields, 'from');
  const [from] = authors;
  if (from === undefined) throw new RawFault('has no From with an address (RFC 5322 3.6 demands one)');
  if (authors.length === 1) return { from, authors };
  const [sender, ...others] = mailboxesOf(fields, 'sender');
  if (sender === undefined || others.length > 0)
    throw new RawFault('has several addresses in From: it needs a Sender with one (RFC 5322 3.6.2)');
  return { from: sender, authors };
};

/** `<left@right>`, also with a quoted left side or a literal on the right one (RFC 5322 3.6.4, 4.5.4). */
const MESSAGE_ID = /^<((?:"(?:[^"\\<>]|\\[^<>])*"|[^<>\s"()@]+)@(?:\[[^[\]\\<>\s]*\]|[^<>\s"()[\]@]+))>$/;

/** It is repeated in one line by every answer. Characters. */
const LONGEST_ID = 900;

const readMessageId = (value: string | undefined): string | undefined => {
  if (value === undefined) return undefined;
  const [, id] = MESSAGE_ID.exec((withoutComments(value) ?? '').trim()) ?? [];
  if (id === undefined || id.length > LONGEST_ID)
    throw new RawFault('has a Message-ID that is not like <unique@domain> (RFC 5322 3.6.4)');
  return id;
};

const checkOnce = (fields: Field[]): void => {
  for (const name of ONCE) {
    const count = fields.filter((field) => field.name === name).length;
    if (count > 1) throw new RawFault(`has ${count} fields ${name}; only one is allowed (RFC 5322 3.6)`);
  }
};

/** Of a header, unfolded or not. */
const CONTROL = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]/;

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
  const head = whole.subarray(0, split);
  const body = split === whole.length ? Buffer.from('\r\n') : whole.subarray(split);
  const header = head.toString('utf8').replace(/\r\n$/, '');
  if (!isUtf8(head) || CONTROL.test(header)) {
    throw new RawFault(
      'must have ASCII or UTF-8 without control characters in its header: encode other characters (RFC 2047)',
    );
  }
  const fields = readFields(header);
  checkOnce(fields);
  const valueOf = (name: string): string | undefined => fields.find((field) => field.name === name)?.value;
  const subject = valueOf('subject');
  const messageId = readMessageId(valueOf('message-id'));
  const kept = Buffer.from(
    fields
      .filter(({ name }) => !NOT_SENT.has(name))
      .map((field) => `${field.text}\r\n`)
      .join(''),
  );
  const bytes = Buffer.concat([kept, body]);
  checkLines(bytes);
  return {
    bytes,
    ...readSenders(fields),
    ...(subject !== undefined && { subject: decodeWords(subject) }),
    ...(messageId !== undefined && { messageId }),
    dated: valueOf('date') !== undefined,
    eightBit: !isAscii(body),
    utf8: !isAscii(kept),
  };
};
