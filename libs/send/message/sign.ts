// Signs a message (DKIM, RFC 6376) with the transport's key: the last thing that is done to it.
import { createSign } from 'node:crypto';
import { Readable } from 'node:stream';
import { createBodyHash } from './dkim-body';
import { fieldsToSign, readFields, relaxed } from './dkim-fields';
import { LINE } from './encoding';
import type { Message } from './message';

export interface SigningKey {
  domain: string;
  selector: string;
  /** PEM of an RSA key. */
  privateKey: string;
}

/** What of a message its signature is made of. */
interface Digest {
  /** One character per byte. */
  header: string;
  /** In base64. */
  bodyHash: string;
}

/** @param chunks a message with CRLF line ends */
const digestOf = async (chunks: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<Digest> => {
  const body = createBodyHash();
  let header: string | undefined;
  let head: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (header !== undefined) {
      body.update(chunk);
      continue;
    }
    head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) continue;
    header = head.toString('latin1', 0, end + 2);
    body.update(head.subarray(end + 4));
  }
  return { header: header ?? head.toString('latin1'), bodyHash: body.digest() };
};

/** Lines of a value that may be folded after each of its words (RFC 6376 3.5 allows white space there). */
const folded = (words: string[], separator: string): string => {
  let [line = ''] = words;
  let lines = '';
  for (const word of words.slice(1)) {
    if (line.length + separator.length + word.length < LINE - 6) line += separator + word;
    else {
      lines += `${line}${separator}\r\n `;
      line = word;
    }
  }
  return lines + line;
};

/** @returns the field with its line end */
const signatureOf = ({ header, bodyHash }: Digest, { domain, selector, privateKey }: SigningKey): string => {
  const { names, signed } = fieldsToSign(readFields(header));
  const tags = [
    `v=1; a=rsa-sha256; c=relaxed/relaxed; q=dns/txt`,
    `d=${domain}; s=${selector}`,
    `h=${folded(names, ':')}`,
    `bh=${bodyHash}`,
  ];
  const unsigned = `DKIM-Signature: ${tags.join(';\r\n ')};\r\n b=`;
  const signature = createSign('RSA-SHA256')
    .update([...signed, relaxed(unsigned)].join('\r\n'), 'latin1')
    .sign(privateKey, 'base64');
  return `${unsigned}${folded(signature.match(/.{1,64}/g) ?? [], '')}\r\n`;
};

async function* joined(before: Buffer, message: Readable): AsyncGenerator<Buffer> {
  yield before;
  for await (const chunk of message) yield chunk as Buffer;
}

/**
 * A signature stands before the message and covers all of it: a message that is not in memory is read once more for it.
 * @param message with CRLF line ends; it must be the same bytes each time that it is read
 * @throws what reading the message throws
 */
export const signMessage = async (message: Message, key: SigningKey): Promise<Message> => {
  const { content, size } = message;
  const digest = await digestOf(Buffer.isBuffer(content) ? [content] : (content() as AsyncIterable<Buffer>));
  const field = Buffer.from(signatureOf(digest, key), 'latin1');
  return {
    ...message,
    size: size + field.length,
    content: Buffer.isBuffer(content)
      ? Buffer.concat([field, content])
      : () => Readable.from(joined(field, content()), { objectMode: false }),
  };
};
