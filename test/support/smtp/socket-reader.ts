// Reads a socket on demand, by the line or by what has come, so that a dialogue can be written down in its order.
import type { Socket } from 'node:net';

const CRLF = Buffer.from('\r\n');

export interface SocketReader {
  /** @returns undefined when nothing will come any more */
  line(): Promise<string | undefined>;
  /** @returns what has come and was not read; undefined when nothing will come any more */
  chunk(): Promise<Buffer | undefined>;
  /** Puts back what was read too far. */
  unread(rest: Buffer): void;
  /** Lets go of the socket; what comes later is thrown away. */
  release(): void;
}

/** The socket is never paused: only who reads learns that the other side has gone. */
export const createSocketReader = (socket: Socket): SocketReader => {
  let chunks: Buffer[] = [];
  let over = false;
  let wake = (): void => undefined;

  const onData = (chunk: Buffer): void => {
    chunks.push(chunk);
    wake();
  };
  const end = (): void => {
    over = true;
    wake();
  };
  socket.on('data', onData).once('end', end).once('close', end);

  const chunk = async (): Promise<Buffer | undefined> => {
    while (chunks.length === 0 && !over) await new Promise<void>((resolve) => (wake = resolve));
    if (chunks.length === 0) return undefined;
    const [first] = chunks;
    const bytes = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
    chunks = [];
    return bytes;
  };
  const unread = (rest: Buffer): void => {
    if (rest.length > 0) chunks.unshift(rest);
  };

  return {
    chunk,
    unread,
    async line() {
      let bytes = await chunk();
      for (;;) {
        if (bytes === undefined) return undefined;
        const found = bytes.indexOf(CRLF);
        if (found >= 0) {
          unread(bytes.subarray(found + CRLF.length));
          return bytes.toString('utf8', 0, found);
        }
        const more = await chunk();
        bytes = more && Buffer.concat([bytes, more]);
      }
    },
    release() {
      socket.off('data', onData).off('end', end).off('close', end);
      chunks = [];
      end();
    },
  };
};
