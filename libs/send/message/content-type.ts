// The type of an attachment that nobody named: by its file name, and only where that says nothing by its first bytes.
import { detectMimeType } from 'nodemailer/lib/mime-funcs';
import { isComposite } from '../../mail/message/media-type';

const UNKNOWN = 'application/octet-stream';

/** How files begin. Nothing here is ever run by whoever opens it: no HTML, no SVG, no script. */
const BEGINNINGS: [type: string, bytes: string, offset?: number][] = [
  ['application/pdf', '%PDF-'],
  ['image/png', '\x89PNG\r\n\x1a\n'],
  ['image/jpeg', '\xff\xd8\xff'],
  ['image/gif', 'GIF8'],
  ['image/webp', 'WEBP', 8],
  ['image/tiff', 'II*\0'],
  ['image/tiff', 'MM\0*'],
  ['application/zip', 'PK\x03\x04'],
  ['application/gzip', '\x1f\x8b\x08'],
  ['application/rtf', '{\\rtf'],
  ['application/x-7z-compressed', '7z\xbc\xaf\x27\x1c'],
  ['text/calendar', 'BEGIN:VCALENDAR'],
  ['text/vcard', 'BEGIN:VCARD'],
  ['video/mp4', 'ftyp', 4],
  ['audio/mpeg', 'ID3'],
  ['application/ogg', 'OggS'],
];

/** As many first bytes as are looked at. */
export const HEAD_BYTES = 512;

/**
 * Does the name say it? For some endings (.eml, .mht, .gzip ...) nodemailer's table names types of messages and of parts made
 * of parts, which no file may have (libs/mail/message/media-type.ts).
 */
const byName = (filename: string): string | undefined => {
  const type = detectMimeType(filename);
  return type === UNKNOWN || isComposite(type) ? undefined : type;
};

const bySight = (head: Buffer): string => {
  const text = head.toString('latin1');
  return BEGINNINGS.find(([, bytes, offset = 0]) => text.startsWith(bytes, offset))?.[0] ?? UNKNOWN;
};

/**
 * @param head gives the first bytes; asked only where the name says nothing
 */
export const contentTypeOf = async (filename: string, head: () => Promise<Buffer>): Promise<string> =>
  byName(filename) ?? bySight(await head());
