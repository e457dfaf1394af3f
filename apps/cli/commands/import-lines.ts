// The lines of an import: counted, each with an idempotency key, so that the same import can be repeated.
import { createHash } from 'node:crypto';
import { usage } from '../terminal/exit';

/** Bytes of a line; whole requests are bounded by the API more closely. */
const LONGEST = 64 * 1024 * 1024;

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const OPEN = 0x7b;

export interface NumberedLine {
  /** In the file, from 1 on; empty lines are counted. */
  number: number;
  /** Bytes that it takes in the file, with its newline. */
  size: number;
  /** As it is sent, with its newline. */
  bytes: Buffer;
}

/** The members of a line; undefined where it is no object, which the API refuses in its own words. */
const membersOf = (line: Buffer): Record<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(line.toString('utf8'));
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
};

/**
 * Puts a key into a line that has none: by the import, the number and the bytes of the line. Its text stays otherwise as it is: parsed
 * and written anew it might say something else, where it has large numbers or a field twice.
 */
export const withKey = (line: Buffer, name: string, number: number): Buffer => {
  const members = membersOf(line);
  if (members === undefined || 'idempotencyKey' in members) return line;
  const hash = createHash('sha256').update(`${name}\n${number}\n`).update(line).digest('base64url');
  const open = line.indexOf(OPEN) + 1;
  const comma = Object.keys(members).length === 0 ? '' : ',';
  const key = `"idempotencyKey":"import-${hash}"${comma}`;
  return Buffer.concat([line.subarray(0, open), Buffer.from(key), line.subarray(open)]);
};

const NEWLINE = 0x0a;
/** What the API takes for an empty line, and answers by nothing: spaces, tabs, returns. */
const isEmpty = (line: Buffer): boolean => line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);

/** Lines as bytes: what is not UTF-8 must reach the API as it is, which says so. @throws Stop for a line that is too long */
async function* linesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let begun: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      yield Buffer.concat([...begun, chunk.subarray(from, at)]);
      begun = [];
      size = 0;
      from = at + 1;
    }
    begun.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > LONGEST)
      throw usage(`there is a line of more than ${LONGEST} bytes: is it a file with an email a line?`);
  }
  yield Buffer.concat(begun);
}

/**
 * @param name of the import: the same lines under the same name are the same emails
 * @param from number of the first line that is sent
 * @throws Stop for a line that is longer than any email may be
 */
export async function* numberedLines(
  stream: AsyncIterable<Buffer>,
  name: string,
  from: number,
): AsyncGenerator<NumberedLine> {
  let number = 0;
  for await (const whole of linesOf(stream)) {
    number++;
    const isMarked = number === 1 && whole.subarray(0, 3).equals(BYTE_ORDER_MARK);
    const line = isMarked ? whole.subarray(3) : whole;
    if (number < from || isEmpty(line)) continue;
    yield { number, size: whole.length + 1, bytes: Buffer.concat([withKey(line, name, number), Buffer.from('\n')]) };
  }
}
