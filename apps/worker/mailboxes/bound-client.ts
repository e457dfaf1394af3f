// What a server may send: the library keeps what it reads of one command, however much that is, so a bound is set around it.
import type { ImapFlow } from 'imapflow';

/** Of the answer to one command. Bytes. */
const MOST_RECEIVED = 8 * 1024 * 1024;
/** How often it is looked, ms. */
const LOOK_MS = 20;
/** A folder counts as no larger: the library writes out ranges of an answer up to the number of messages that the server claims. */
const MOST_EXISTING = 100_000;

export interface ReceivedBound {
  /** The server sent too much: its connection was closed for that. */
  isExceeded(): boolean;
  end(): void;
}

/** Closes the connection of whoever sends more than `MOST_RECEIVED` bytes without being asked anew. It begins before one connects. */
export const boundReceived = (client: ImapFlow): ReceivedBound => {
  let asked = { sent: 0, received: 0 };
  let exceeded = false;
  const look = (): void => {
    const { sent, received } = client.stats();
    if (sent !== asked.sent) asked = { sent, received };
    if (received - asked.received <= MOST_RECEIVED) return;
    exceeded = true;
    client.close();
  };
  const timer = setInterval(look, LOOK_MS);
  return { isExceeded: () => exceeded, end: () => clearInterval(timer) };
};

/** Holds the number of messages of the open folder to `MOST_EXISTING`, also when the server changes it later. */
export const boundFolder = ({ mailbox }: ImapFlow): void => {
  if (mailbox === false) return;
  let claimed = mailbox.exists;
  Object.defineProperty(mailbox, 'exists', {
    enumerable: true,
    get: () => Math.min(claimed, MOST_EXISTING),
    set: (count: number) => (claimed = count),
  });
};
