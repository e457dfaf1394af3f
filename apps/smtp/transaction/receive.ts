// A message as it comes in: a small one in memory, a larger one in a file, so that slow clients hold no memory.
import { readFile, rm } from 'node:fs/promises';
import type { SMTPServerDataStream } from 'smtp-server';
import { spool } from '../../../libs/content/spool';
import { Refusal } from './refusal';

/** Bytes. */
const SMALL = 64 * 1024;

export interface Received {
  /** Bytes. */
  size: number;
  bytes(): Promise<Buffer>;
  /** It is not needed any more. */
  discard(): Promise<void>;
}

const inMemory = (pieces: Buffer[]): Received => {
  const bytes = Buffer.concat(pieces);
  return { size: bytes.length, bytes: () => Promise.resolve(bytes), discard: () => Promise.resolve() };
};

const tooLarge = (): Refusal =>
  new Refusal(552, '5.3.4', 'the message is larger than is taken here (SIZE)', 'too-large');

/** What came already, and the rest; of a message that is too large nothing more is kept. */
async function* rest(
  first: Buffer[],
  pieces: AsyncIterator<Buffer>,
  stream: SMTPServerDataStream,
): AsyncGenerator<Buffer> {
  yield* first;
  for (let next = await pieces.next(); next.done !== true; next = await pieces.next())
    if (!stream.sizeExceeded) yield next.value;
  if (stream.sizeExceeded) throw tooLarge();
}

/**
 * @param folder where larger ones lie meanwhile
 * @throws Refusal for one that is too large, after its end; ContentStoreFull, ContentStoreAway; what ended the stream
 */
export const receive = async (stream: SMTPServerDataStream, folder: string): Promise<Received> => {
  const pieces = stream.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  try {
    const first: Buffer[] = [];
    let size = 0;
    while (size <= SMALL) {
      const next = await pieces.next();
      if (next.done === true) return inMemory(first);
      first.push(next.value);
      size += next.value.length;
    }
    const file = await spool(folder, rest(first, pieces, stream), { sync: false });
    return {
      size: file.size,
      bytes: () => readFile(file.path),
      discard: () => rm(file.path, { force: true }),
    };
  } finally {
    // Not the stream: whoever is refused in the middle is told after the end of the message.
    await pieces.return?.();
    if (!stream.destroyed) stream.resume();
  }
};
