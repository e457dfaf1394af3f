// Tells a message that comes again from a new one: who lost the answer to its end sends it once more (RFC 5321 4.5.4.1).
import { createHash } from 'node:crypto';
import { bodyAt, valuesIn } from '../../../libs/mail/message/head';

export interface Envelope {
  from: string;
  to: string[];
}

/**
 * Fields that each server puts on top as a message passes it (RFC 5321 4.4): a client that hands its message to a relay again
 * makes the relay write another one. Everything below them is the client's own.
 */
const TRACE = /^(?:(?:received|return-path)[ \t]*:[^\r]*(?:\r\n[ \t][^\r]*)*\r\n)+/i;

/**
 * What the same message has in common each time it comes: sender, recipients in any order, and its bytes without what relays wrote.
 * One with neither Message-ID nor Date has nothing that tells a repetition from another message of the same words, such as a
 * second alarm: it is sent each time, since a mail that is lost is worse than one that comes twice.
 * @param whole the message with CRLF line ends
 * @returns a key for the idempotency keys of its queue; undefined for a message that is a new one each time
 */
export const repetitionKey = ({ from, to }: Envelope, whole: Buffer): string | undefined => {
  const head = whole.toString('latin1', 0, bodyAt(whole));
  if (['message-id', 'date'].every((name) => valuesIn(head, name).length === 0)) return undefined;
  const trace = TRACE.exec(head)?.[0].length ?? 0;
  const hash = createHash('sha256')
    .update(JSON.stringify([from, ...[...to].sort()]))
    .update('\n')
    .update(whole.subarray(trace))
    .digest('hex');
  return `smtp ${hash}`;
};
