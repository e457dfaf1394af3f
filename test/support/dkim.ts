// Verifies a DKIM signature as a receiver would (RFC 6376, relaxed/relaxed, rsa-sha256), independent of who signed.
import { createHash, createVerify } from 'node:crypto';

const tagsOf = (value: string): Record<string, string> =>
  Object.fromEntries(
    value.split(';').flatMap((part) => {
      const at = part.indexOf('=');
      return at < 0 ? [] : [[part.slice(0, at).trim(), part.slice(at + 1).replace(/\s+/g, '')]];
    }),
  );

/** RFC 6376 3.4.2. */
const relaxedField = (text: string): string => {
  const at = text.indexOf(':');
  const value = text
    .slice(at + 1)
    .replace(/\r\n/g, '')
    .replace(/[ \t]+/g, ' ')
    .trim();
  return `${text.slice(0, at).trim().toLowerCase()}:${value}`;
};

/** RFC 6376 3.4.4. */
const relaxedBody = (body: string): string => {
  const lines = body.split('\r\n').map((line) => line.replace(/[ \t]+/g, ' ').replace(/ $/, ''));
  const text = lines.join('\r\n').replace(/(\r\n)*$/, '');
  return text === '' ? '' : `${text}\r\n`;
};

/**
 * @param message as it arrived
 * @returns the signing domain and selector, and whether the body's hash and the signature are right
 */
export const verifyDkim = (message: Buffer, publicKey: string) => {
  const text = message.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  const fields = text.slice(0, end).split(/\r\n(?![ \t])/);
  const signature = fields.find((field) => /^dkim-signature:/i.test(field));
  if (signature === undefined) return undefined;
  const tags = tagsOf(signature.slice(signature.indexOf(':') + 1));
  const bodyHash = createHash('sha256')
    .update(relaxedBody(text.slice(end + 4)), 'latin1')
    .digest('base64');
  const left = fields.filter((field) => field !== signature).reverse();
  const signed = (tags['h'] ?? '').split(':').flatMap((name) => {
    const index = left.findIndex((field) => field.toLowerCase().startsWith(`${name.toLowerCase()}:`));
    return index < 0 ? [] : left.splice(index, 1).map(relaxedField);
  });
  const unsigned = relaxedField(signature.replace(/([;\s])b=[^;]*/, '$1b='));
  const good = createVerify('rsa-sha256')
    .update([...signed, unsigned].join('\r\n'), 'latin1')
    .verify(publicKey, tags['b'] ?? '', 'base64');
  return {
    domain: tags['d'],
    selector: tags['s'],
    headers: (tags['h'] ?? '').toLowerCase().split(':'),
    body: bodyHash === tags['bh'],
    signature: good,
  };
};
