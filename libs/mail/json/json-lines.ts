// NDJSON: a stream of bytes, cut into its lines as they come.

/** A line as it was sent, without its end. */
export interface Line {
  /** Its place in the stream, from 1; lines without anything count here. */
  number: number;
  /** Undefined where it is longer than it may be: its bytes are read and thrown away. */
  bytes: Buffer | undefined;
}

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;

const isEmpty = (bytes: Buffer): boolean => bytes.every((byte) => byte === SPACE || byte === TAB || byte === RETURN);

/**
 * Cuts a stream at its newlines (https://github.com/ndjson/ndjson-spec: `\n`, with `\r` before it as white space). Lines without
 * anything in them are left out; the last one may go without its newline.
 * @param most bytes of one line; what is longer is never held
 * @param grown called where the line that has not ended holds so many bytes by now; the stream waits for it
 * @yields the lines that each chunk completes, at least one
 */
export async function* linesOf(
  stream: AsyncIterable<Buffer>,
  most: number,
  grown: (bytes: number) => Promise<void> | undefined,
): AsyncGenerator<Line[], void, undefined> {
  let begun: Buffer[] = [];
  let size = 0;
  let number = 0;
  /** Ends the line that was begun. */
  const end = (): Line | undefined => {
    const bytes = size > most ? undefined : Buffer.concat(begun);
    begun = [];
    size = 0;
    number++;
    return bytes !== undefined && isEmpty(bytes) ? undefined : { number, bytes };
  };
  const add = (part: Buffer): void => {
    size += part.length;
    if (size > most) begun = [];
    else if (part.length > 0) begun.push(part);
  };
  for await (const chunk of stream) {
    const lines: Line[] = [];
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      add(chunk.subarray(from, at));
      const line = end();
      if (line !== undefined) lines.push(line);
      from = at + 1;
    }
    add(chunk.subarray(from));
    if (lines.length > 0) yield lines;
    await grown(Math.min(size, most));
  }
  const last = end();
  if (last !== undefined) yield [last];
}
