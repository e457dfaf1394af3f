// What a client that speaks SMTP alone says of an email besides the message: fields of its header that never travel.
import { decodeWords } from 'postal-mime';
import { Problem } from '../input/problem';
import { readJson } from '../json/json-text';
import { bodyAt } from './head';

export interface ControlField {
  /** As it stands in the message. */
  name: string;
  /** Unfolded and decoded (RFC 2047). */
  value: string;
}

/** Any letter case, folded or not, also with the space before the colon of RFC 822. */
const FIELD = /(?<=^|\r\n)(x-rohrpost(?:-[!-9;-~]*)?)[ \t]*:([^\r]*(?:\r\n[ \t][^\r]*)*)\r\n/gi;

/** More is no header that would be accepted (raw-message.ts). Bytes. */
const MOST_HEADER = 256 * 1024;

/**
 * Takes every field out whose name begins with X-Rohrpost, whoever sends it.
 * @param whole with CRLF line ends, as `withCrlf` makes them
 */
export const takeControlFields = (whole: Buffer): { message: Buffer; fields: ControlField[] } => {
  const split = bodyAt(whole);
  if (split > MOST_HEADER) return { message: whole, fields: [] };
  const fields: ControlField[] = [];
  const head = whole.toString('latin1', 0, split);
  const kept = head.replace(FIELD, (_, name: string, value: string) => {
    const text = Buffer.from(value, 'latin1').toString('utf8');
    fields.push({ name, value: decodeWords(text.replace(/\r\n/g, '').trim()) });
    return '';
  });
  if (fields.length === 0) return { message: whole, fields };
  return { message: Buffer.concat([Buffer.from(kept, 'latin1'), whole.subarray(split)]), fields };
};

/** What each says of the email. */
const MEANING: Record<string, (value: string, name: string) => unknown> = {
  'x-rohrpost-send-at': (value) => ({ sendAt: value }),
  'x-rohrpost-expires-at': (value) => ({ expiresAt: value }),
  'x-rohrpost-priority': (value) => ({ priority: value.toLowerCase() }),
  'x-rohrpost-tags': (value) => ({
    tags: value
      .split(',')
      .map((tag) => tag.trim())
      .filter((tag) => tag !== ''),
  }),
  'x-rohrpost-metadata': async (value, name) => ({ metadata: await readJson(Buffer.from(value), name) }),
};

/**
 * What the fields say, as fields of an email's input; not checked yet.
 * @throws Problem `invalid` for one that means nothing or stands there twice; those of `readJson`
 */
export const readControlFields = async (fields: ControlField[]): Promise<Record<string, unknown>> => {
  const given: Record<string, unknown> = {};
  const seen = new Set<string>();
  for (const { name, value } of fields) {
    const key = name.toLowerCase();
    const mean = MEANING[key];
    if (mean === undefined)
      throw new Problem('invalid', `${name} is no control field; there are ${Object.keys(MEANING).join(', ')}`);
    if (seen.has(key)) throw new Problem('invalid', `the message has ${name} twice: once is allowed`);
    seen.add(key);
    Object.assign(given, await mean(value, name));
  }
  return given;
};
