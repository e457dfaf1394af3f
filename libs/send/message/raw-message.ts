// A message that came whole, ready to be sent: as it is, with what it lacks put before it.
import { Readable } from 'node:stream';
import { createGunzip, gunzip } from 'node:zlib';
import { promisify } from 'node:util';
import type { ContentReader } from '../../content/store';
import { withCrlf } from '../../mail/message/raw-message';
import type { StoredRaw } from '../../mail/email/stored-email';
import { mailDate } from './encoding';
import { writeField, type Field } from './header-field';
import { IN_MEMORY, type Message } from './message';

/** Reads a compressed message; a failure of the store ends it as an error. */
const unzipped = (content: ContentReader, contentId: string): Readable => {
  const source = content.read(contentId);
  const plain = createGunzip();
  source.once('error', (error) => plain.destroy(error));
  plain.once('close', () => source.destroy());
  return source.pipe(plain);
};

const LF = 0x0a;

/** An email that was accepted by an early version may hold a last line without an end: the server is given one all the same. */
async function* joined(before: string, rest: Readable): AsyncGenerator<Buffer> {
  if (before !== '') yield Buffer.from(before, 'latin1');
  let last: number | undefined;
  for await (const chunk of rest as AsyncIterable<Buffer>) {
    last = chunk.at(-1);
    yield chunk;
  }
  if (last !== LF) yield Buffer.from('\r\n');
}

/**
 * @param messageId without the angle brackets, for a message that has none
 * @param date time of the attempt, ms since 1970, for a message that has none
 * @param first a field that is put before all others
 * @throws ENOENT where its bytes are not in the content store
 */
export const rawMessage = async (
  raw: StoredRaw,
  { messageId, date, first }: { messageId: string; date: number; first?: Field },
  content: ContentReader,
): Promise<Message> => {
  const before =
    (first ? writeField(first) : '') +
    (raw.messageId === undefined ? `Message-ID: <${messageId}>\r\n` : '') +
    (raw.dated ? '' : `Date: ${mailDate(date)}\r\n`);
  const facts = {
    size: raw.size + before.length,
    ...(raw.eightBit && { eightBit: true }),
    ...(raw.utf8 && { utf8: true }),
  };
  if (raw.size <= IN_MEMORY) {
    const stored = await content.readAll(raw.contentId);
    const bytes = withCrlf(raw.gzip ? await promisify(gunzip)(stored) : stored);
    const whole = before === '' ? bytes : Buffer.concat([Buffer.from(before, 'latin1'), bytes]);
    return { ...facts, size: whole.length, content: whole };
  }
  if ((await content.size(raw.contentId)) === undefined) {
    throw Object.assign(new Error(`${raw.contentId} is not in the content store`), { code: 'ENOENT' });
  }
  const read = (): Readable => (raw.gzip ? unzipped(content, raw.contentId) : content.read(raw.contentId));
  return { ...facts, content: () => Readable.from(joined(before, read()), { objectMode: false }) };
};
