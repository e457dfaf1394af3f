// Writes a composed message in one go: nodemailer's own tree and headers, without a stream for each of its parts.
import type MimeNode from 'nodemailer/lib/mime-node';
import { encode, wrap } from 'nodemailer/lib/qp';
import { inBase64, LINE, withCrlf } from './encoding';

/** A text's line ends become those of the wire; other bytes stay as they are. */
const writeContent = (node: MimeNode): string | Buffer => {
  const { content = '' } = node;
  if (typeof content !== 'string' && !Buffer.isBuffer(content)) {
    throw new TypeError('a message is written in one go only where all of it is in memory');
  }
  const encoding = node.getTransferEncoding();
  if (Buffer.isBuffer(content)) return encoding === 'base64' ? inBase64(content) : content;
  if (encoding === 'base64') return inBase64(Buffer.from(withCrlf(content)));
  return encoding === 'quoted-printable' ? wrap(encode(withCrlf(content)), LINE) : withCrlf(content);
};

const write = (node: MimeNode, out: (string | Buffer)[]): void => {
  out.push(node.buildHeaders(), '\r\n\r\n', writeContent(node));
  if (!node.multipart) return;
  for (const [index, child] of node.childNodes.entries()) {
    out.push(`${index === 0 ? '' : '\r\n'}--${String(node.boundary)}\r\n`);
    write(child, out);
  }
  out.push(`\r\n--${String(node.boundary)}--\r\n`);
};

/**
 * Says the same as nodemailer's own `build()`, several times as fast: that one moves every part through streams of its
 * own (docs/decisions/0010-writing-messages.md; libs/send/write-message.test.ts compares them).
 * @param root of a message whose contents are strings and Buffers
 * @returns the message with CRLF line ends
 */
export const writeMessage = (root: MimeNode): Buffer => {
  const out: (string | Buffer)[] = [];
  write(root, out);
  const bytes = Buffer.concat(out.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  return bytes.at(-1) === 0x0a ? bytes : Buffer.concat([bytes, Buffer.from('\r\n')]);
};
