// Composes the message of an email: MIME by nodemailer, field by field, so that nothing of a client passes unseen.
import { domainToASCII } from 'node:url';
import type { Readable } from 'node:stream';
import MailComposer from 'nodemailer/lib/mail-composer';
import { encodeWord } from 'nodemailer/lib/mime-funcs';
import type { ContentReader } from '../content/store';
import type { Address } from '../mail/address';
import type { StoredAttachment, StoredEmail } from '../mail/stored-email';

export interface MessageInput {
  email: Pick<StoredEmail, 'to' | 'cc' | 'headers'>;
  attachments: StoredAttachment[];
  from: Address;
  replyTo: Address[];
  subject: string;
  html?: string;
  text: string;
  messageId: string;
  /** Time of the attempt, ms since 1970. */
  date: number;
}

export interface Message {
  /** Bytes of the whole message; an upper estimate where it is streamed (RFC 1870 allows one). */
  size: number;
  /** Begins to read it; may be called once more for another try. */
  open(): Buffer | Readable;
}

/** Attachments up to this many bytes in all are composed in memory; larger ones are read while they are sent. */
const IN_MEMORY = 512 * 1024;

/** Base64 in lines of 76 with CRLF, as composed. */
const encodedSize = (bytes: number): number => Math.ceil(bytes / 57) * 78 + 1_024;

type Content = Buffer | Readable | string;
type ContentOf = (contentId: string) => Content;

/** Domains travel in ASCII (RFC 5891); a local part wide of ASCII needs SMTPUTF8 and keeps the address as it is. */
const wireAddress = ({ name, address }: Address): { name: string; address: string } => {
  const at = address.lastIndexOf('@');
  const domain = domainToASCII(address.slice(at + 1));
  return { name: name ?? '', address: `${address.slice(0, at)}@${domain || address.slice(at + 1)}` };
};

/** The address of an envelope. */
export const envelopeAddress = (address: Address): string => wireAddress(address).address;

/**
 * A subject that looks like an encoded word (RFC 2047) is encoded itself: nodemailer would send it as it is, and the
 * reader would see something else than was written.
 */
const literalSubject = (subject: string): string => (subject.includes('=?') ? encodeWord(subject, 'Q', 52) : subject);

const composer = (input: MessageInput, contentOf: ContentOf): MailComposer => {
  const { email } = input;
  return new MailComposer({
    from: wireAddress(input.from),
    to: email.to.map(wireAddress),
    cc: (email.cc ?? []).map(wireAddress),
    replyTo: input.replyTo.map(wireAddress),
    subject: literalSubject(input.subject),
    text: input.text,
    ...(input.html !== undefined && { html: input.html }),
    messageId: `<${input.messageId}>`,
    date: new Date(input.date),
    headers: Object.entries(email.headers ?? {}).map(([key, value]) => ({ key, value })),
    attachments: input.attachments.map(({ filename, contentId, contentType, cid, disposition }) => ({
      filename,
      content: contentOf(contentId),
      ...(contentType !== undefined && { contentType }),
      ...(cid !== undefined && { cid }),
      contentDisposition: disposition ?? (cid === undefined ? 'attachment' : 'inline'),
    })),
    disableFileAccess: true,
    disableUrlAccess: true,
  });
};

const build = (mail: MailComposer): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    mail.compile().build((error, message) => (error ? reject(error) : resolve(message)));
  });

/**
 * @throws ENOENT where an attachment is not in the content store
 */
export const composeMessage = async (input: MessageInput, content: ContentReader): Promise<Message> => {
  const { attachments } = input;
  const total = attachments.reduce((sum, attachment) => sum + attachment.size, 0);
  if (total <= IN_MEMORY) {
    const loaded = new Map<string, Buffer>();
    for (const { contentId } of attachments) loaded.set(contentId, await content.readAll(contentId));
    const message = await build(composer(input, (id) => loaded.get(id) ?? Buffer.alloc(0)));
    return { size: message.length, open: () => message };
  }
  for (const { contentId } of attachments) {
    if ((await content.size(contentId)) === undefined) {
      throw Object.assign(new Error(`${contentId} is not in the content store`), { code: 'ENOENT' });
    }
  }
  const frame = await build(composer(input, () => ''));
  return {
    size: frame.length + attachments.reduce((sum, { size }) => sum + encodedSize(size), 0),
    open: () =>
      composer(input, (id) => content.read(id))
        .compile()
        .createReadStream(),
  };
};
