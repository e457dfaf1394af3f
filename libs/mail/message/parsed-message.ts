// A complete message taken apart again, for people to look at.
import PostalMime from 'postal-mime';

export interface ParsedMessage {
  subject: string;
  html?: string;
  text?: string;
  headers: Record<string, string>;
  attachments: { filename: string; contentType: string; size: number }[];
}

const sizeOf = (content: ArrayBuffer | Uint8Array | string): number =>
  typeof content === 'string' ? Buffer.byteLength(content) : content.byteLength;

/** Reads any message of RFC 5322 and MIME; what is broken in it is read as well as can be. */
export const parseMessage = async (bytes: Buffer): Promise<ParsedMessage> => {
  const { subject, html, text, headers, attachments } = await PostalMime.parse(bytes);
  return {
    subject: subject ?? '',
    ...(html !== undefined && { html }),
    ...(text !== undefined && { text }),
    headers: Object.fromEntries(headers.map(({ originalKey, value }) => [originalKey, value])),
    attachments: attachments.map(({ filename, mimeType, content }) => ({
      filename: filename ?? '',
      contentType: mimeType,
      size: sizeOf(content),
    })),
  };
};
