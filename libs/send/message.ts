// Composes the message of an email: MIME by nodemailer, field by field, so that nothing of a client passes unseen.
import { domainToASCII } from 'node:url';
import type { Readable } from 'node:stream';
import MailComposer from 'nodemailer/lib/mail-composer';
import { encodeWord } from 'nodemailer/lib/mime-funcs';
import type { ContentReader } from '../content/store';
import { UNFOLDABLE, type Address } from '../mail/address';
import type { StoredAttachment, StoredEmail } from '../mail/stored-email';
import { mailDate } from './encoding';
import { composeLetter, type Field } from './compose-letter';
import { readPieces, sizeInBase64, type StoredFile } from './file-parts';
import { writeMessage, writePieces } from './write-message';

export interface MessageInput {
  email: Pick<StoredEmail, 'to' | 'cc' | 'headers'>;
  attachments: StoredAttachment[];
  from: Address;
  replyTo: Address[];
  subject: string;
  html?: string;
  text: string;
  /** Headers of the service's own, beside those that the email asks for; the email's own win. */
  serviceHeaders: Record<string, string>;
  messageId: string;
  /** Time of the attempt, ms since 1970. */
  date: number;
}

export interface Message {
  /** Bytes of the whole message (RFC 1870 3). */
  size: number;
  /**
   * Its bytes as they travel, with CRLF line ends only, or what begins to read them: the same bytes each time that it is called.
   * What is signed, archived and counted is therefore what the server gets, but for the dots that are doubled on the way.
   */
  content: Buffer | (() => Readable);
  /** It has bytes beyond ASCII in its body: only for a server that takes 8BITMIME (RFC 6152). */
  eightBit?: boolean;
}

/** Messages of up to this many bytes, roughly, are made in memory; larger ones are written while they are sent. */
export const IN_MEMORY = 512 * 1024;

type ContentOf = (contentId: string) => Buffer;

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
 * reader would see something else than was written. So is one that cannot be folded: encoded words can.
 */
const literalSubject = (subject: string): string =>
  subject.includes('=?') || subject.endsWith(' ') || UNFOLDABLE.test(subject) ? encodeWord(subject, 'Q', 52) : subject;

const headersOf = ({ email, serviceHeaders }: MessageInput): { key: string; value: string }[] => {
  const own = Object.entries(email.headers ?? {});
  const given = new Set(own.map(([name]) => name.toLowerCase()));
  const ours = Object.entries(serviceHeaders).filter(([name]) => !given.has(name.toLowerCase()));
  return [...own, ...ours].map(([key, value]) => ({ key, value: value.trimEnd() }));
};

const letterOf = (input: MessageInput): Buffer => {
  const { email, replyTo, html } = input;
  const lists: [string, Address[]][] = [
    ['To', email.to],
    ['Cc', email.cc ?? []],
    ['Reply-To', replyTo],
  ];
  const fields: Field[] = [
    ...headersOf(input).map(({ key, value }): Field => [key, value]),
    ['From', wireAddress(input.from)],
    ...lists.flatMap(([name, list]): Field[] => (list.length === 0 ? [] : [[name, list.map(wireAddress)]])),
    ['Subject', literalSubject(input.subject)],
    ['Message-ID', `<${input.messageId}>`],
    ['Date', mailDate(input.date)],
  ];
  return composeLetter({ fields, text: input.text, ...(html !== undefined && { html }) });
};

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
    headers: headersOf(input),
    attachments: input.attachments.map(({ filename, contentId, contentType, cid, disposition }) => ({
      filename,
      content: contentOf(contentId),
      contentTransferEncoding: 'base64' as const,
      ...(contentType !== undefined && { contentType }),
      ...(cid !== undefined && { cid }),
      contentDisposition: disposition ?? (cid === undefined ? 'attachment' : 'inline'),
    })),
    disableFileAccess: true,
    disableUrlAccess: true,
    newline: 'windows',
  });
};

/**
 * @throws ENOENT where an attachment is not in the content store
 */
export const composeMessage = async (input: MessageInput, content: ContentReader): Promise<Message> => {
  const { attachments } = input;
  const bodies = input.text.length + (input.html?.length ?? 0);
  const total = attachments.reduce((sum, attachment) => sum + attachment.size, bodies);
  if (total <= IN_MEMORY && attachments.length === 0) {
    const content = letterOf(input);
    return { size: content.length, content };
  }
  if (total <= IN_MEMORY) {
    const loaded = new Map<string, Buffer>();
    for (const { contentId } of attachments) loaded.set(contentId, await content.readAll(contentId));
    const message = writeMessage(composer(input, (id) => loaded.get(id) ?? Buffer.alloc(0)).compile());
    return { size: message.length, content: message };
  }
  for (const { contentId } of attachments) {
    if ((await content.size(contentId)) === undefined) {
      throw Object.assign(new Error(`${contentId} is not in the content store`), { code: 'ENOENT' });
    }
  }
  const files = new Map<Buffer, StoredFile>();
  const placeOf = (contentId: string): Buffer => {
    const place = Buffer.alloc(0);
    files.set(place, { contentId, size: attachments.find((one) => one.contentId === contentId)?.size ?? 0 });
    return place;
  };
  const pieces = writePieces(composer(input, placeOf).compile(), files);
  const sizes = pieces.map((piece) => (Buffer.isBuffer(piece) ? piece.length : sizeInBase64(piece.size)));
  return { size: sizes.reduce((sum, size) => sum + size, 0), content: () => readPieces(pieces, content) };
};
