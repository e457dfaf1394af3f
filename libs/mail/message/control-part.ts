// Parts of a message that are meant for the service and never travel: a template's name and its data, as JSON.
import { Problem } from '../input/problem';
import { readJson } from '../json/json-text';
import { bodyAt, valuesIn } from './head';
import { readMediaType } from './media-type';
import { RawFault } from './raw-message';

export const CONTROL_TYPE = 'application/vnd.rohrpost+json';

/** No client nests deeper, or has more parts in one; searching more would hold everybody up. */
const MOST_DEPTH = 20;
const MOST_PARTS = 1_000;
/** Bytes of a message that are searched at once. */
const PIECE = 64 * 1024;
const [LF, HYPHEN] = [0x0a, 0x2d];

export interface Taken {
  /** The message without them; undefined where it had nothing else. */
  message: Buffer | undefined;
  /** Each with its header. */
  parts: Buffer[];
  /** It has something else than text and these parts. */
  hasFiles: boolean;
}

/** Most messages have none, and need not be taken apart to know. */
const namesType = (whole: Buffer): boolean => {
  const name = CONTROL_TYPE.slice('application/'.length);
  for (let at = 0; at < whole.length; at += PIECE)
    if (
      whole
        .toString('latin1', at, at + PIECE + name.length)
        .toLowerCase()
        .includes(name)
    )
      return true;
  return false;
};

/** As the least strict reader would take it. */
const typeOf = (head: string): { types: string[]; boundary: string | undefined } => {
  const values = valuesIn(head, 'content-type');
  const types = values.map(
    (value) => readMediaType(value)?.type ?? /[\w.+-]+\/[\w.+-]+/.exec(value.replace(/\([^()]*\)/g, ''))?.[0] ?? '',
  );
  const [value = ''] = values;
  const strict = readMediaType(value)?.parameters.find(([name]) => name === 'boundary')?.[1];
  const loose = /boundary\s*=\s*(?:"([^"]*)"|([^\s;"]+))/i.exec(value);
  const isMultipart = /^multipart\//i.test(types[0] ?? '');
  return {
    types: types.map((type) => type.toLowerCase()),
    boundary: isMultipart ? (strict ?? loose?.[1] ?? loose?.[2]) : undefined,
  };
};

interface Delimiter {
  from: number;
  to: number;
  isLast: boolean;
}

/** Lines that part a body (RFC 2046 5.1.1). */
const delimitersOf = (body: Buffer, boundary: string): Delimiter[] => {
  const mark = Buffer.from(`--${boundary}`, 'latin1');
  const found: Delimiter[] = [];
  for (let at = body.indexOf(mark); at !== -1; at = body.indexOf(mark, at + mark.length)) {
    if (at > 0 && body[at - 1] !== LF) continue;
    const after = at + mark.length;
    const isLast = body[after] === HYPHEN && body[after + 1] === HYPHEN;
    const end = body.indexOf(LF, after);
    const to = end === -1 ? body.length : end + 1;
    if (!/^[ \t]*(\r\n)?$/.test(body.toString('latin1', after + (isLast ? 2 : 0), Math.min(to, after + 1_000))))
      continue;
    found.push({ from: at, to, isLast });
    if (isLast) break;
    if (found.length > MOST_PARTS) throw new RawFault(`has more than ${MOST_PARTS} parts in one`);
  }
  return found;
};

/** @returns the entity without control parts, itself where it has none; undefined where nothing else is in it */
const withoutParts = (entity: Buffer, found: Omit<Taken, 'message'>, depth = 0): Buffer | undefined => {
  const split = bodyAt(entity);
  const { types, boundary } = typeOf(entity.toString('latin1', 0, split));
  if (types.includes(CONTROL_TYPE)) {
    found.parts.push(entity);
    return undefined;
  }
  if (boundary === undefined || boundary === '' || depth === MOST_DEPTH) {
    if (types.some((type) => !type.startsWith('text/'))) found.hasFiles = true;
    return entity;
  }
  const body = entity.subarray(split);
  const delimiters = delimitersOf(body, boundary);
  const pieces = [entity.subarray(0, split), body.subarray(0, delimiters[0]?.from ?? body.length)];
  let [kept, changed] = [0, false];
  for (const [index, { from, to, isLast }] of delimiters.entries()) {
    const next = delimiters[index + 1]?.from ?? body.length;
    if (isLast) pieces.push(body.subarray(from));
    if (isLast) break;
    // The line end before a delimiter belongs to it.
    const end = Math.max(to, next < body.length ? next - 2 : next);
    const inner = body.subarray(to, end);
    const left = withoutParts(inner, found, depth + 1);
    if (left !== inner) changed = true;
    if (left === undefined) continue;
    kept++;
    pieces.push(body.subarray(from, to), left, body.subarray(end, next));
  }
  if (!changed) return entity;
  return kept === 0 ? undefined : Buffer.concat(pieces);
};

/**
 * Takes every part of the type out, however deep it lies, whoever sends it.
 * @param whole with CRLF line ends
 * @throws RawFault for a message with too many parts
 */
export const takeControlParts = (whole: Buffer): Taken => {
  const found: Omit<Taken, 'message'> = { parts: [], hasFiles: false };
  if (!namesType(whole)) return { ...found, message: whole };
  const message = withoutParts(whole, found);
  return { ...found, message };
};

const decoded = (part: Buffer): Buffer => {
  const split = bodyAt(part);
  const body = part.subarray(split);
  const [encoding = ''] = valuesIn(part.toString('latin1', 0, split), 'content-transfer-encoding');
  if (/^base64$/i.test(encoding)) return Buffer.from(body.toString('latin1'), 'base64');
  if (!/^quoted-printable$/i.test(encoding)) return body;
  const text = body.toString('latin1').replace(/[ \t]*=[ \t]*\r\n/g, '');
  const bytes = text.replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1');
};

const ALLOWED = ['template', 'data', 'dataUrl'];

/**
 * What a part says, as fields of an email's input; not checked yet.
 * @throws Problem `invalid` for what is no object of these fields; those of `readJson`
 */
export const readControlPart = async (part: Buffer): Promise<Record<string, unknown>> => {
  const value = await readJson(decoded(part), `the part ${CONTROL_TYPE}`);
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject || Object.keys(value).some((name) => !ALLOWED.includes(name)) || !('template' in value))
    throw new Problem('invalid', `the part ${CONTROL_TYPE} must be an object with template, and data or dataUrl`);
  return { ...value };
};
