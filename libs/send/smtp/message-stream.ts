// The bytes of a message on their way to the server: they begin when they may, and tell how far they came.
import { Readable } from 'node:stream';
import { messageOf } from '../../runtime/fault';
import type { Message } from '../message/message';
import type { Connection } from './connections';
import { socketOf } from './open-connection';

/** What the message is read from failed in the middle of it: no fault of the server, which has not got its end. */
export class MessageUnreadable extends Error {
  override name = 'MessageUnreadable';
}

/** Watches a message leave: the stream's own progress tells a living worker where a fault came. */
export interface Progress {
  begun: boolean;
  ended: boolean;
  stopped?: { error: unknown };
}

/** What is written in this turn of the event loop leaves at its end: a small message and its dot in one packet. */
const leaveTogether = (smtp: Connection['smtp']): void => {
  // Without it they would leave one after the other.
  const socket = socketOf(smtp);
  socket?.cork();
  setImmediate(() => socket?.uncork());
};

/**
 * A message in memory, after the fence has let it out. A stream of our own: an iterator behind `Readable.from` costs as
 * much as the rest of a small email's way through the connection.
 */
const ofBuffer = ({ smtp }: Connection, bytes: Buffer, before: () => Promise<void>, progress: Progress): Readable => {
  const begin = (): void => {
    progress.begun = true;
    leaveTogether(smtp);
    stream.push(bytes);
  };
  const stop = (error: unknown): void => {
    progress.stopped = { error };
    stream.destroy(error instanceof Error ? error : new Error(messageOf(error)));
  };
  const stream = new Readable({
    read() {
      if (!progress.begun) return void before().then(begin, stop);
      // Asked for more: the message has been taken.
      progress.ended = true;
      stream.push(null);
    },
  });
  return stream;
};

/** @param waits called with true when a block waits for the server to take it, with false when it was taken */
const ofStream = (
  open: () => Readable,
  before: () => Promise<void>,
  progress: Progress,
  waits: (waiting: boolean) => void,
): Readable => {
  const bytes = async function* (): AsyncGenerator<Buffer> {
    try {
      await before();
    } catch (error) {
      progress.stopped = { error };
      throw error;
    }
    progress.begun = true;
    try {
      for await (const chunk of open()) {
        waits(true);
        yield chunk as Buffer;
        waits(false);
      }
    } catch (error) {
      progress.stopped = { error: new MessageUnreadable(messageOf(error), { cause: error }) };
      throw error;
    }
    progress.ended = true;
  };
  return Readable.from(bytes(), { objectMode: false });
};

/**
 * @param before called when the server has said 354, before the first byte; what it throws stops the message
 * @param progress is kept up to date
 * @param waits called with true when a block waits for the server to take it, with false when it was taken; not for a message
 * in memory
 */
export const messageStream = (
  connection: Connection,
  content: Message['content'],
  before: () => Promise<void>,
  progress: Progress,
  waits: (waiting: boolean) => void,
): Readable =>
  Buffer.isBuffer(content)
    ? ofBuffer(connection, content, before, progress)
    : ofStream(content, before, progress, waits);
