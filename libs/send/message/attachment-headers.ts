// The headers of an attached file: its type and its names, so that readers give back its bytes under its name.
import type MimeNode from 'nodemailer/lib/mime-node';
import { isComposite, readMediaType, type MediaType } from '../../mail/message/media-type';
import type { StoredAttachment } from '../../mail/email/stored-email';
import { writeWithParameters } from './header-field';

type Named = Pick<StoredAttachment, 'filename' | 'contentType' | 'cid' | 'disposition'>;

const OCTETS: MediaType = { type: 'application/octet-stream', parameters: [] };

/** Whatever was accepted once or guessed: no file is ever a part that is made of parts. */
const typeOf = ({ contentType = '' }: Named): MediaType => {
  const read = readMediaType(contentType);
  return read === undefined || isComposite(read.type) ? OCTETS : read;
};

/** Text that is shown in its place becomes part of the body with many readers; a picture is meant to be. */
const dispositionOf = ({ cid, disposition }: Named, type: string): string =>
  disposition ?? (cid === undefined || /^text\/(plain|html)$/.test(type) ? 'attachment' : 'inline');

/** What nodemailer is told of it: enough to put it in its place. The name is that of its number, see `writeLeaves`. */
export const leafOptions = (attachment: Named, index: number) => {
  const { type } = typeOf(attachment);
  return {
    filename: String(index),
    contentType: type,
    ...(attachment.cid !== undefined && { cid: attachment.cid }),
    contentDisposition: dispositionOf(attachment, type) as 'attachment' | 'inline',
    contentTransferEncoding: 'base64' as const,
  };
};

/** nodemailer writes names into Content-Type as encoded words, which have no place there (RFC 2047 5): ours go in instead. */
export const writeLeaves = (node: MimeNode, attachments: readonly Named[]): void => {
  const attachment = node.filename === undefined ? undefined : attachments[Number(node.filename)];
  if (attachment !== undefined) {
    const { type, parameters } = typeOf(attachment);
    const { filename } = attachment;
    const others = parameters.filter(([name]) => name !== 'name');
    const headers = {
      'Content-Type': writeWithParameters(type, [...others, ['name', filename]]),
      'Content-Disposition': writeWithParameters(dispositionOf(attachment, type), [['filename', filename]]),
    };
    for (const [name, value] of Object.entries(headers)) node.setHeader(name, { prepared: true, value });
    delete node.filename;
  }
  for (const child of node.childNodes) writeLeaves(child, attachments);
};
