// Signs a message (DKIM, RFC 6376) with the transport's key: the last thing that is done to it.
import { tmpdir } from 'node:os';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import DKIM from 'nodemailer/lib/dkim';
import { IN_MEMORY, type Message } from './message';

export interface SigningKey {
  domain: string;
  selector: string;
  /** PEM. */
  privateKey: string;
}

/** More than a signature of any usual key takes. Bytes. */
const SIGNATURE_SIZE = 4_096;

/**
 * A signature stands before the message and covers all of it: a large message waits in a temporary file meanwhile, that
 * of nodemailer, readable by its owner alone and removed when it has been read.
 */
const signed = (message: Buffer | Readable, { domain, selector, privateKey }: SigningKey): Readable =>
  new DKIM({
    keys: [{ domainName: domain, keySelector: selector, privateKey }],
    cacheDir: tmpdir(),
    cacheTreshold: IN_MEMORY,
  }).sign(message);

export const signMessage = async (message: Message, key: SigningKey): Promise<Message> => {
  const { content, size } = message;
  if (!Buffer.isBuffer(content))
    return { ...message, size: size + SIGNATURE_SIZE, estimated: true, content: () => signed(content(), key) };
  const whole = await buffer(signed(content, key));
  return { ...message, size: whole.length, content: whole };
};
