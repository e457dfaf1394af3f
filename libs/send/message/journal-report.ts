// A journal report: what an archive's mailbox gets of a message that was sent, as Exchange has it: who it went to, and the message itself.
import { Readable } from 'node:stream';
import { encodeBody } from './encode-body';
import { mailDate } from './encoding';
import { writeField } from './header-field';
import type { Message } from './message';

export interface Reported {
  /** The same however often it is reported. */
  reportId: string;
  /** The archive's mailbox. */
  archive: string;
  from: string;
  subject: string;
  /** Of the message, without the angle brackets. */
  messageId: string;
  to: readonly string[];
  cc: readonly string[];
  bcc: readonly string[];
  /** Of the email that the message was made of, and its queue. */
  email: string;
  queue: string;
  /** When a server took it, ms since 1970. */
  sentAt: number;
  /** What cannot occur in the message: its own hash. */
  boundary: string;
}

/** The lines that archives read, one for each recipient: those of a Bcc stand nowhere else. */
const textOf = ({ from, subject, messageId, to, cc, bcc }: Reported): string =>
  [
    `Sender: ${from}`,
    `Subject: ${subject}`,
    `Message-Id: <${messageId}>`,
    ...to.map((one) => `To: ${one}`),
    ...cc.map((one) => `Cc: ${one}`),
    ...bcc.map((one) => `Bcc: ${one}`),
    '',
  ].join('\r\n');

const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1);

const headerOf = (about: Reported): string =>
  [
    ['From', { name: '', address: about.from }] as const,
    ['To', { name: '', address: about.archive }] as const,
    ['Subject', about.subject] as const,
    ['Date', mailDate(about.sentAt)] as const,
    ['Message-ID', `<${about.reportId}.journal@${domainOf(about.from)}>`] as const,
    // RFC 3834 5: answering machines stay silent.
    ['Auto-Submitted', 'auto-generated'] as const,
    ['X-Rohrpost-Email', about.email] as const,
    ['X-Rohrpost-Queue', about.queue] as const,
  ]
    .map(([name, value]) => writeField([name, value]))
    .join('') + 'X-MS-Journal-Report:\r\nMIME-Version: 1.0\r\n';

/**
 * The message travels as it is, never encoded (RFC 2046 5.2.1): what is 8-bit in it needs a server that takes it. One with a header beyond
 * ASCII is message/global (RFC 6532 3.7).
 */
export const journalReport = async (about: Reported, message: Message): Promise<Message> => {
  const { encoding, slices } = await encodeBody(textOf(about));
  const delimiter = `--${about.boundary}`;
  const type = message.utf8 === true ? 'message/global' : 'message/rfc822';
  const transfer = message.eightBit === true || message.utf8 === true ? '8bit' : '7bit';
  const before = Buffer.concat([
    Buffer.from(
      `${headerOf(about)}Content-Type: multipart/mixed; boundary="${about.boundary}"\r\n\r\n${delimiter}\r\n` +
        `Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`,
    ),
    ...slices,
    Buffer.from(`\r\n${delimiter}\r\nContent-Type: ${type}\r\nContent-Transfer-Encoding: ${transfer}\r\n\r\n`),
  ]);
  const after = Buffer.from(`\r\n${delimiter}--\r\n`);
  const { content } = message;
  const whole = async function* (read: () => Readable): AsyncGenerator<Buffer> {
    yield before;
    yield* read() as AsyncIterable<Buffer>;
    yield after;
  };
  return {
    size: before.length + message.size + after.length,
    content: Buffer.isBuffer(content)
      ? Buffer.concat([before, content, after])
      : () => Readable.from(whole(content), { objectMode: false }),
    ...(message.eightBit && { eightBit: true }),
    ...(message.utf8 && { utf8: true }),
  };
};
