// Writes header fields: ASCII on the wire, shown by readers as it was given, folded where there is something to fold at.
import { encodeWord } from 'nodemailer/lib/mime-funcs';
import { UNFOLDABLE } from '../../mail/address/address';
import { isOfAscii, isOfIds, readIds } from '../../mail/message/header';
import { LINE } from './encoding';

export interface WireAddress {
  name: string;
  address: string;
}

/** A header field and its value; addresses as objects, domains in ASCII. */
export type Field = [name: string, value: string | WireAddress | WireAddress[]];

/** Longest encoded word (RFC 2047 2 allows 75): with a short name before it, it fits into a line. */
const LONGEST_WORD = 52;

/** Quoted-printable for words in Latin letters, base64 where it is shorter. */
const encoded = (text: string): string => {
  const letters = text.match(/[a-z]/gi)?.length ?? 0;
  const wide = text.match(/[^ -~]/g)?.length ?? 0;
  return encodeWord(text, wide < letters ? 'Q' : 'B', LONGEST_WORD);
};

/**
 * Text goes out as it is where every reader shows it so: not with other than printable ASCII, not where it looks like an
 * encoded word itself (RFC 2047), nor with spaces that are lost at its ends, nor where it cannot be folded.
 */
const isPlain = (text: string): boolean => !/[^ -~]|=\?|^ | $/.test(text) && !UNFOLDABLE.test(text);

const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;

const writeText = (text: string): string => (isPlain(text) ? text : encoded(text));

/** A name before an address (RFC 5322 3.2.5). */
const writePhrase = (given: string): string => {
  const name = given.trim();
  if (!isPlain(name)) return encoded(name);
  return /^\w+(?: \w+)*$/.test(name) ? name : quoted(name);
};

/** The address stands as it is; one that is wide of ASCII needs a server that takes it (RFC 6532). */
const writeAddress = ({ name, address }: WireAddress): string =>
  name === '' ? address : `${writePhrase(name)} <${address}>`;

/** A name with an address or an id, in headers that the client gives as text: `List-Id`, `Disposition-Notification-To` ... */
const NAMED = /^(.*[^ ])? *<([!-;=?-~]+)>$/;
const OF_NAMED =
  /^(list-id|disposition-notification-to|return-receipt-to|errors-to|x-confirm-reading-to|mail-(followup|reply)-to|resent-(sender|reply-to))$/i;

const writeNamed = (text: string): string => {
  const [, name, address] = NAMED.exec(text) ?? [];
  if (address === undefined || isPlain(text)) return writeText(text);
  const bare = /^"((?:[^"\\]|\\.)*)"$/.exec(name ?? '')?.[1]?.replace(/\\(.)/g, '$1') ?? name;
  return bare === undefined ? `<${address}>` : `${writePhrase(bare)} <${address}>`;
};

/** Spaces at the ends are shown in a subject, and mean nothing elsewhere. */
const writeString = (name: string, given: string): string => {
  const text = name === 'Subject' ? given : given.trim();
  const ids = isOfIds(name) ? readIds(text) : undefined;
  if (ids !== undefined) return ids.map((id) => `<${id}>`).join(' ');
  if (isOfAscii(name) && /^[ -~]*$/.test(text)) return text;
  return OF_NAMED.test(name) ? writeNamed(text) : writeText(text);
};

/** Lines break before spaces, never so that one has nothing but spaces (RFC 5322 3.2.2). */
const fold = (field: string): string => {
  if (field.length <= LINE) return field;
  const [name = '', ...words] = field.match(/ *[^ ]+/g) ?? [];
  let line = name + (words.shift() ?? '');
  let lines = '';
  for (const word of words) {
    if (line.length + word.length > LINE) {
      lines += `${line}\r\n`;
      line = word;
    } else line += word;
  }
  return lines + line;
};

/** @returns the field with its line end; nothing for one without a value */
export const writeField = ([name, value]: Field): string => {
  const text = typeof value === 'string' ? writeString(name, value) : [value].flat().map(writeAddress).join(', ');
  return text === '' ? '' : `${fold(`${name}: ${text}`)}\r\n`;
};

/** Bytes of one section, roughly: with its name it fits into a line. */
const SECTION = 50;

const percentEncoded = (text: string): string =>
  [...Buffer.from(text)]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return /[\w.-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');

/** In sections of whole characters (RFC 2231 3, 4.1), all of them encoded: readers differ in what a % in another one means. */
const inSections = (name: string, value: string): string[] => {
  const sections = [''];
  for (const char of value) {
    const next = percentEncoded(char);
    const last = sections.length - 1;
    if ((sections[last] ?? '').length + next.length > SECTION) sections.push(next);
    else sections[last] += next;
  }
  if (sections.length === 1) return [`${name}*=utf-8''${sections.join('')}`];
  return sections.map((section, index) => `${name}*${index}*=${index === 0 ? "utf-8''" : ''}${section}`);
};

/** A parameter of a MIME header: as a token, quoted, or in sections where readers would take it for something else. */
const writeParameter = ([name, value]: [string, string]): string[] => {
  if (/^[\w.+-]{1,60}$/.test(value)) return [`${name}=${value}`];
  const isQuotable = isPlain(value) && /^[^"\\%?]{1,60}$/.test(value) && !value.includes('  ');
  return isQuotable ? [`${name}=${quoted(value)}`] : inSections(name, value);
};

/** The value of a header of MIME, with a line for each parameter; without a line end. */
export const writeWithParameters = (value: string, parameters: [name: string, value: string][]): string =>
  [value, ...parameters.flatMap(writeParameter)].join(';\r\n ');
