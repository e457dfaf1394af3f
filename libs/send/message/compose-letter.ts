// Composes the usual email, a text and an html part or one of them, in one pass over its parts.
import { randomUUID } from 'node:crypto';
import { hasLongerLines, isPlainText } from 'nodemailer/lib/mime-funcs';
import { encode, wrap } from 'nodemailer/lib/qp';
import { inBase64, LINE, withCrlf } from './encoding';
import { writeField, type Field } from './header-field';

export interface Letter {
  /** In the order of the message; those of MIME are added. */
  fields: Field[];
  text: string;
  html?: string;
}

/**
 * Nobody can know it before: whoever knew it from another letter could put parts of his own into this one by a text that
 * needs no encoding. Encoded parts cannot hold `=_` at all (RFC 2045 6.7).
 */
const newBoundary = (): string => `=_${randomUUID()}`;

/** Whichever encoding makes the part shorter: quoted-printable triples what is beyond ASCII, base64 adds a third to all. */
const isMostlyAscii = (text: string): boolean => Buffer.byteLength(text) - text.length < text.length / 6;

const writePart = (type: 'plain' | 'html', content: string): string => {
  const header = `Content-Type: text/${type}; charset=utf-8\r\nContent-Transfer-Encoding: `;
  const text = withCrlf(content);
  if (isPlainText(text) && !hasLongerLines(text, LINE)) return `${header}7bit\r\n\r\n${text}`;
  if (isMostlyAscii(text)) return `${header}quoted-printable\r\n\r\n${wrap(encode(text), LINE)}`;
  return `${header}base64\r\n\r\n${inBase64(Buffer.from(text))}`;
};

const writeBody = ({ text, html }: Letter): string => {
  // An empty one would be shown instead of the text.
  if (html === undefined || html === '') return writePart('plain', text);
  if (text === '') return writePart('html', html);
  const boundary = newBoundary();
  return (
    `Content-Type: multipart/alternative;\r\n boundary="${boundary}"\r\n\r\n` +
    `--${boundary}\r\n${writePart('plain', text)}\r\n` +
    `--${boundary}\r\n${writePart('html', html)}\r\n` +
    `--${boundary}--`
  );
};

/**
 * Says the same as nodemailer says of it, faster (docs/decisions/0010-writing-messages.md;
 * libs/send/message/write-message.test.ts compares them).
 */
export const composeLetter = (letter: Letter): Buffer => {
  const text = `${letter.fields.map(writeField).join('')}MIME-Version: 1.0\r\n${writeBody(letter)}`;
  return Buffer.from(text.endsWith('\r\n') ? text : `${text}\r\n`);
};
