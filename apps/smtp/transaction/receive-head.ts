// The beginning of a message as it comes in; the rest is heard and let go, whatever its size.
import type { SMTPServerDataStream } from 'smtp-server';
import { Refusal } from './refusal';

/**
 * @param most bytes that are kept
 * @returns when the message has come to its end
 * @throws Refusal where the connection was lost before, or the message is larger than SIZE
 */
export const receiveHead = async (stream: SMTPServerDataStream, most: number): Promise<Buffer> => {
  const pieces: Buffer[] = [];
  let size = 0;
  const ended = await new Promise<boolean>((resolve) => {
    stream.on('data', (piece: Buffer) => {
      if (size < most) pieces.push(piece.subarray(0, most - size));
      size += piece.length;
    });
    stream.once('end', () => resolve(true));
    stream.once('error', () => resolve(false));
    stream.once('close', () => resolve(false));
  });
  if (!ended) throw new Refusal(451, '4.4.2', 'the connection was lost before the message was whole');
  if (stream.sizeExceeded) throw new Refusal(552, '5.3.4', 'the message is larger than is taken here (SIZE)');
  return Buffer.concat(pieces);
};
