// Composes the message of an email: MIME by nodemailer, field by field, so that nothing of a client passes unseen.
import { isAscii } from 'node:buffer';
import type { Readable } from 'node:stream';
import MailComposer from 'nodemailer/lib/mail-composer';
import type MimeNode from 'nodemailer/lib/mime-node';
import type { ContentReader } from '../../content/store';
import { wireForm, type Address } from '../../mail/address/address';
import type { StoredAttachment, StoredEmail } from '../../mail/email/stored-email';
import { mailDate } from './encoding';
import { composeLetter } from './compose-letter';
import { readPieces, sizeInBase64, type StoredFile } from './file-parts';
import { writeField, type Field, type WireAddress } from './header-field';
import { leafOptions, writeLeaves } from './attachment-headers';
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
  /** It has them in its header: only for a server that takes SMTPUTF8 (RFC 6531). */
  utf8?: boolean;
}

/** Messages of up to this many bytes, roughly, are made in memory; larger ones are written while they are sent. */
export const IN_MEMORY = 512 * 1024;

type ContentOf = (contentId: string) => Buffer;

const wireAddress = ({ name, address }: Address): WireAddress => ({ name: name ?? '', address: wireForm(address) });

/** The address of an envelope: domains travel in ASCII, a part before the @ that is wide of it needs SMTPUTF8. */
export const envelopeAddress = ({ address }: Address): string => wireForm(address);

const headersOf = ({ email, serviceHeaders }: MessageInput): { key: string; value: string }[] => {
  const own = Object.entries(email.headers ?? {});
  const given = new Set(own.map(([name]) => name.toLowerCase()));
  const ours = Object.entries(serviceHeaders).filter(([name]) => !given.has(name.toLowerCase()));
  return [...own, ...ours].map(([key, value]) => ({ key, value }));
};

/** Everything but the fields of MIME. */
const fieldsOf = (input: MessageInput): Field[] => {
  const { email, replyTo } = input;
  const lists: [string, Address[]][] = [
    ['To', email.to],
    ['Cc', email.cc ?? []],
    ['Reply-To', replyTo],
  ];
  return [
    ...headersOf(input).map(({ key, value }): Field => [key, value]),
    ['From', wireAddress(input.from)],
    ...lists.flatMap(([name, list]): Field[] => (list.length === 0 ? [] : [[name, list.map(wireAddress)]])),
    ['Subject', input.subject],
  ];
};

const letterOf = (input: MessageInput): Buffer => {
  const { text, html } = input;
  const fields: Field[] = [...fieldsOf(input), ['Message-ID', `<${input.messageId}>`], ['Date', mailDate(input.date)]];
  return composeLetter({ fields, text, ...(html !== undefined && { html }) });
};

/** The parts and their encoding by nodemailer, the header fields and the names of files by us. */
const treeOf = (input: MessageInput, contentOf: ContentOf): MimeNode => {
  const { attachments } = input;
  const root = new MailComposer({
    text: input.text,
    ...(input.html !== undefined && { html: input.html }),
    messageId: `<${input.messageId}>`,
    date: new Date(input.date),
    attachments: attachments.map((one, index) => ({ ...leafOptions(one, index), content: contentOf(one.contentId) })),
    disableFileAccess: true,
    disableUrlAccess: true,
    newline: 'windows',
  }).compile();
  writeLeaves(root, attachments);
  const ofMime = root.buildHeaders();
  const fields = fieldsOf(input).map(writeField).join('');
  root.buildHeaders = () => fields + ofMime;
  return root;
};

/** All but the header is encoded: what is beyond ASCII is an address that needs SMTPUTF8. */
const isWide = (message: Buffer): boolean => !isAscii(message);

const inMemory = (content: Buffer): Message => ({
  size: content.length,
  content,
  ...(isWide(content) && { utf8: true }),
});

/**
 * @throws ENOENT where an attachment is not in the content store
 */
export const composeMessage = async (input: MessageInput, content: ContentReader): Promise<Message> => {
  const { attachments } = input;
  const bodies = input.text.length + (input.html?.length ?? 0);
  const total = attachments.reduce((sum, attachment) => sum + attachment.size, bodies);
  if (total <= IN_MEMORY && attachments.length === 0) return inMemory(letterOf(input));
  if (total <= IN_MEMORY) {
    const loaded = new Map<string, Buffer>();
    for (const { contentId } of attachments) loaded.set(contentId, await content.readAll(contentId));
    return inMemory(writeMessage(treeOf(input, (id) => loaded.get(id) ?? Buffer.alloc(0))));
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
  const pieces = writePieces(treeOf(input, placeOf), files);
  const sizes = pieces.map((piece) => (Buffer.isBuffer(piece) ? piece.length : sizeInBase64(piece.size)));
  return {
    size: sizes.reduce((sum, size) => sum + size, 0),
    content: () => readPieces(pieces, content),
    ...(pieces.some((piece) => Buffer.isBuffer(piece) && isWide(piece)) && { utf8: true }),
  };
};
