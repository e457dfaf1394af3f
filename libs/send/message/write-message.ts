// Writes a composed message in one go: nodemailer's own tree and headers, without a stream for each of its parts.
import type MimeNode from 'nodemailer/lib/mime-node';
import { encode, wrap } from 'nodemailer/lib/qp';
import { withCrlf as withCrlfBytes } from '../../mail/message/raw-message';
import { inBase64, LINE, withCrlf } from './encoding';
import type { StoredFile } from './file-parts';

/** Some of a message: its bytes, or a file that comes in base64 when the message is read. */
export type Piece = Buffer | StoredFile;

/** A file that is not in memory, and a large body that is encoded already, have a Buffer of their own, without bytes, as the content. */
export type PiecesByContent = ReadonlyMap<unknown, StoredFile | readonly Buffer[]>;

/** Line ends become those of the wire, but within what is encoded. */
const writeContent = (node: MimeNode, prepared: PiecesByContent): (string | Piece)[] => {
  const { content = '' } = node;
  if (typeof content !== 'string' && !Buffer.isBuffer(content)) {
    throw new TypeError('a message is written in one go only where its contents are strings, Buffers or files');
  }
  const encoding = node.getTransferEncoding();
  const known = prepared.get(content);
  if (known !== undefined && !('contentId' in known)) return [...known];
  if (known !== undefined) {
    if (encoding !== 'base64') throw new TypeError('only a part in base64 can be a file');
    return [known];
  }
  if (Buffer.isBuffer(content)) return [encoding === 'base64' ? inBase64(content) : withCrlfBytes(content)];
  if (encoding === 'base64') return [inBase64(Buffer.from(withCrlf(content)))];
  return [encoding === 'quoted-printable' ? wrap(encode(withCrlf(content)), LINE) : withCrlf(content)];
};

const write = (node: MimeNode, prepared: PiecesByContent, out: (string | Piece)[]): void => {
  out.push(node.buildHeaders(), '\r\n\r\n', ...writeContent(node, prepared));
  if (!node.multipart) return;
  for (const [index, child] of node.childNodes.entries()) {
    out.push(`${index === 0 ? '' : '\r\n'}--${String(node.boundary)}\r\n`);
    write(child, prepared, out);
  }
  out.push(`\r\n--${String(node.boundary)}--\r\n`);
};

/**
 * Says the same as nodemailer's own `build()`, several times as fast: that one moves every part through streams of its
 * own (docs/decisions/0010-writing-messages.md; libs/send/message/write-message.test.ts compares them).
 * @param root of a message whose contents are strings and Buffers
 * @param prepared what some of its Buffers stand for
 * @returns the message with CRLF line ends, also behind its last line
 */
export const writePieces = (root: MimeNode, prepared: PiecesByContent): Piece[] => {
  const out: (string | Piece)[] = [];
  write(root, prepared, out);
  const last = out.findLast((part) =>
    typeof part === 'string' || Buffer.isBuffer(part) ? part.length > 0 : part.size > 0,
  );
  const isClosed = typeof last === 'string' ? last.endsWith('\n') : Buffer.isBuffer(last) && last.at(-1) === 0x0a;
  if (!isClosed) out.push('\r\n');
  return out.map((part) => (typeof part === 'string' ? Buffer.from(part) : part));
};

/** The same of a message that is all in memory. */
export const writeMessage = (root: MimeNode): Buffer =>
  Buffer.concat(writePieces(root, new Map()).filter((piece) => Buffer.isBuffer(piece)));
