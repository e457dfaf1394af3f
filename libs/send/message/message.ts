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
import { encodeBody } from './encode-body';
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
  /** A field that stands before all others; the email's own of this name are left out. */
  first?: Field;
  messageId: string;
  /** Time of the attempt, ms since 1970. */
  date: number;
}

/** All but its bodies. */
type Headed = Omit<MessageInput, 'text' | 'html'>;

export interface Message {
  /** Bytes of the whole message (RFC 1870 3). */
  size: number;
  /**
   * Its bytes as they travel, with CRLF line ends only, or what begins to read them: the same bytes each time that it is called.
   * What is signed, archived and counted is therefore what the server gets, but for the dots that are doubled on the way.
   */
  content: Buffer | (() => Readable);
  /** Bytes of it that stay in memory as long as it is needed; not given where nothing of it does, or all of `content`. */
  inMemory?: number;
  /** It has bytes beyond ASCII in its body: only for a server that takes 8BITMIME (RFC 6152). */
  eightBit?: boolean;
  /** It has them in its header: only for a server that takes SMTPUTF8 (RFC 6531). */
  utf8?: boolean;
}

/** Messages of up to this many bytes, roughly, are made in memory; larger ones are written while they are sent. */
export const IN_MEMORY = 512 * 1024;

/** Bytes of memory that a message takes. */
export const heldBytes = ({ content, inMemory }: Pick<Message, 'content' | 'inMemory'>): number =>
  inMemory ?? (Buffer.isBuffer(content) ? content.length : 0);

type ContentOf = (contentId: string) => Buffer;

const wireAddress = ({ name, address }: Address): WireAddress => ({ name: name ?? '', address: wireForm(address) });

/** The address of an envelope: domains travel in ASCII, a part before the @ that is wide of it needs SMTPUTF8. */
export const envelopeAddress = ({ address }: Address): string => wireForm(address);

const headersOf = ({ email, serviceHeaders, first }: Headed): { key: string; value: string }[] => {
  const all = Object.entries(email.headers ?? {});
  const own = first ? all.filter(([name]) => name.toLowerCase() !== first[0].toLowerCase()) : all;
  const given = new Set(own.map(([name]) => name.toLowerCase()));
  const ours = Object.entries(serviceHeaders).filter(([name]) => !given.has(name.toLowerCase()));
  return [...own, ...ours].map(([key, value]) => ({ key, value }));
};

/** Everything but the fields of MIME. */
const fieldsOf = (input: Headed): Field[] => {
  const { email, replyTo } = input;
  const lists: [string, Address[]][] = [
    ['To', email.to],
    ['Cc', email.cc ?? []],
    ['Reply-To', replyTo],
  ];
  return [
    ...(input.first ? [input.first] : []),
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

/** A text, or what stands for one that is encoded already. */
type Body = string | { content: Buffer; contentTransferEncoding: 'quoted-printable' | 'base64' };

/** The parts and their encoding by nodemailer, the header fields and the names of files by us. */
const treeOf = (input: Headed, bodies: { text: Body; html?: Body }, contentOf: ContentOf): MimeNode => {
  const { attachments } = input;
  const root = new MailComposer({
    ...bodies,
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

/** Bodies from this many characters on are encoded a slice at a time. */
const SLICED = 64 * 1_024;

/** A message that is too large for memory: its bodies are kept as they travel, its files are read while it is sent. */
const inPieces = async (input: MessageInput, content: ContentReader): Promise<Message> => {
  const prepared = new Map<Buffer, StoredFile | readonly Buffer[]>();
  const body = async (text: string): Promise<Body> => {
    if (text.length < SLICED) return text;
    const { encoding, slices } = await encodeBody(text);
    const place = Buffer.alloc(0);
    prepared.set(place, slices);
    return { content: place, contentTransferEncoding: encoding };
  };
  const placeOf = (contentId: string): Buffer => {
    const place = Buffer.alloc(0);
    const size = input.attachments.find((one) => one.contentId === contentId)?.size ?? 0;
    prepared.set(place, { contentId, size });
    return place;
  };
  const bodies = { text: await body(input.text), ...(input.html !== undefined && { html: await body(input.html) }) };
  const pieces = writePieces(treeOf(input, bodies, placeOf), prepared);
  const sumOf = (sizes: number[]): number => sizes.reduce((sum, size) => sum + size, 0);
  return {
    size: sumOf(pieces.map((piece) => (Buffer.isBuffer(piece) ? piece.length : sizeInBase64(piece.size)))),
    content: () => readPieces(pieces, content),
    inMemory: sumOf(pieces.map((piece) => (Buffer.isBuffer(piece) ? piece.length : 0))),
    ...(pieces.some((piece) => Buffer.isBuffer(piece) && isWide(piece)) && { utf8: true }),
  };
};

/**
 * @throws ENOENT where an attachment is not in the content store
 */
export const composeMessage = async (input: MessageInput, content: ContentReader): Promise<Message> => {
  const { attachments } = input;
  const { text, html } = input;
  const bodies = { text, ...(html !== undefined && { html }) };
  const total = attachments.reduce((sum, attachment) => sum + attachment.size, text.length + (html?.length ?? 0));
  if (total <= IN_MEMORY && attachments.length === 0) return inMemory(letterOf(input));
  if (total <= IN_MEMORY) {
    const loaded = new Map<string, Buffer>();
    for (const { contentId } of attachments) loaded.set(contentId, await content.readAll(contentId));
    return inMemory(writeMessage(treeOf(input, bodies, (id) => loaded.get(id) ?? Buffer.alloc(0))));
  }
  for (const { contentId } of attachments) {
    if ((await content.size(contentId)) === undefined) {
      throw Object.assign(new Error(`${contentId} is not in the content store`), { code: 'ENOENT' });
    }
  }
  return inPieces(input, content);
};
