// An email as a client hands it in: its fields, and what must hold among them.
import { z } from 'zod';
import { HeaderText } from '../address/address';
import { SourceUrl } from '../settings/data-source';
import { headerFault } from '../message/header';
import { isComposite, readMediaType } from '../message/media-type';
import { AddressList, EMAIL_SETTINGS } from '../settings/settings';
import { Instant } from '../input/instant';
import { Slug } from '../address/queue-address';

/** The most recipients that one email may have, over to, cc and bcc. */
export const MOST_RECIPIENTS = 100;

export const ContentId = z
  .string()
  .regex(/^sha256-[0-9a-f]{64}$/, 'must be a content id as the upload gave it: sha256-<64 hex digits>')
  .meta({ id: 'ContentId' });

const Base64 = z
  .string()
  .refine(
    (text) => text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text),
    'must be base64 (RFC 4648 section 4)',
  );

/** An attachment is one file: what would make readers take it apart is refused, not changed. */
const ContentType = HeaderText(255).superRefine((text, context) => {
  const read = readMediaType(text);
  const fault =
    read === undefined
      ? 'must be like text/plain or text/csv; charset=utf-8, in ASCII'
      : isComposite(read.type)
        ? 'must not be multipart/* or message/* (RFC 2046 5): leave it out, or give application/octet-stream; mail programs open a .eml by its name'
        : undefined;
  if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
});

/** The left side of a msg-id, and the right one where there is one (RFC 5322 3.6.4, RFC 2392). */
const ContentIdText = HeaderText(255).regex(
  /^[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*(@[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*)?$/,
  'must be an id in ASCII like logo or logo@acme.example, which the html names as cid:logo',
);

const Attachment = z
  .strictObject({
    filename: HeaderText(255).min(1),
    content: Base64.optional(),
    contentId: ContentId.optional(),
    /** Fetched when the email is sent. */
    url: SourceUrl.optional(),
    contentType: ContentType.optional(),
    cid: ContentIdText.optional(),
    disposition: z.enum(['attachment', 'inline']).optional(),
  })
  .refine(({ content, contentId, url }) => [content, contentId, url].filter((one) => one !== undefined).length === 1, {
    message: 'must have exactly one of content, contentId and url',
  })
  .meta({ id: 'Attachment' });

/** Headers that the service sets itself, or that would change who gets what (compared in lower case). */
const OWN_HEADERS = new Set(
  (
    'from to cc bcc subject date message-id reply-to sender mime-version return-path received dkim-signature ' +
    'authentication-results delivered-to resent-to resent-cc resent-bcc resent-from resent-date resent-message-id'
  ).split(' '),
);

const HeaderName = z
  .string()
  .regex(/^[!-9;-~]{1,76}$/, 'must be a header name: printable ASCII without spaces and colons (RFC 5322 2.2)')
  .refine((name) => !OWN_HEADERS.has(name.toLowerCase()) && !/^content-/i.test(name), 'is set by the service itself');

const Headers = z.record(HeaderName, HeaderText(2_000)).superRefine((headers, context) => {
  for (const [name, value] of Object.entries(headers)) {
    const fault = headerFault(name, value);
    if (fault !== undefined) context.addIssue({ code: 'custom', path: [name], message: fault });
  }
});

const TemplateReference = z.union([Slug, z.strictObject({ name: Slug, version: z.int().min(1).optional() })]);

const Tag = HeaderText(64).min(1);
const Metadata = z.record(HeaderText(64).min(1), z.union([z.string().max(1_000), z.number(), z.boolean()]));

/** Counted before each pair is looked at: a million of them would hold everybody up. */
const few = <T extends z.ZodType>(most: number, pairs: T) =>
  z.preprocess((given, context) => {
    const isTooMany = typeof given === 'object' && given !== null && Object.keys(given).length > most;
    if (isTooMany) context.addIssue({ code: 'custom', message: `must be at most ${most}` });
    return isTooMany ? z.NEVER : given;
  }, pairs);

const EmailFields = z.strictObject({
  to: AddressList.optional(),
  cc: AddressList.optional(),
  bcc: AddressList.optional(),
  subject: HeaderText(998).optional(),
  html: z.string().optional(),
  text: z.string().optional(),
  template: TemplateReference.optional(),
  data: z.record(z.string(), z.unknown()).optional(),
  /** Asked for when the email is sent; its object is merged over data. */
  dataUrl: SourceUrl.optional(),
  raw: z.union([Base64, z.strictObject({ contentId: ContentId })]).optional(),
  attachments: z.array(Attachment).max(50).optional(),
  headers: few(50, Headers).optional(),
  sendAt: Instant.optional(),
  expiresAt: Instant.optional(),
  tags: z.array(Tag).max(20).optional(),
  metadata: few(50, Metadata).optional(),
  ...EMAIL_SETTINGS,
});

type Fields = z.infer<typeof EmailFields>;
type Complaint = [path: (string | number)[], message: string];

/** A complete message has these in itself. */
const IN_RAW = ['subject', 'html', 'text', 'template', 'data', 'dataUrl', 'attachments', 'headers', 'replyTo'] as const;

const contentComplaints = (email: Fields): Complaint[] => {
  if (email.raw !== undefined) {
    return IN_RAW.filter((key) => email[key] !== undefined).map((key) => [
      [key],
      'must not stand beside raw: the message has its own',
    ]);
  }
  const finished = (['subject', 'html', 'text'] as const).filter((key) => email[key] !== undefined);
  if (email.template !== undefined) {
    return finished.map((key) => [[key], 'must not stand beside template: the template makes it']);
  }
  const orphans = (['data', 'dataUrl'] as const).filter((key) => email[key] !== undefined);
  if (orphans.length > 0) return orphans.map((key) => [[key], 'needs a template to be put into']);
  if (email.html === undefined && email.text === undefined) {
    return [[[], 'must have content: html or text, a template, or a raw message']];
  }
  return [];
};

const relationComplaints = (email: Fields): Complaint[] => {
  const recipients = [...(email.to ?? []), ...(email.cc ?? []), ...(email.bcc ?? [])].length;
  const complaints: Complaint[] = [];
  if (recipients === 0) complaints.push([['to'], 'must name at least one recipient in to, cc or bcc']);
  if (recipients > MOST_RECIPIENTS) {
    complaints.push([
      ['to'],
      `has ${recipients} recipients with cc and bcc; at most ${MOST_RECIPIENTS} are allowed in one email`,
    ]);
  }
  if (email.expiresAt !== undefined && email.expiresAfter !== undefined) {
    complaints.push([['expiresAfter'], 'must not stand beside expiresAt: give one of them']);
  }
  if (
    email.expiresAt !== undefined &&
    email.sendAt !== undefined &&
    Date.parse(email.expiresAt) <= Date.parse(email.sendAt)
  ) {
    complaints.push([['expiresAt'], 'must be after sendAt']);
  }
  return [...contentComplaints(email), ...complaints];
};

/** One email in the body of a request, as `POST /v1/queues/{tenant}/{application}/emails` takes it. */
export const EmailInput = EmailFields.superRefine((email, context) => {
  for (const [path, message] of relationComplaints(email)) context.addIssue({ code: 'custom', path, message });
}).meta({
  id: 'Email',
  description:
    'An email to be sent: finished (`html`, `text`), from a template with data, or a complete message (`raw`).',
  examples: [
    {
      to: ['Ann <ann@example.org>'],
      template: 'invoice',
      data: { number: '2026-114' },
      sendAt: '2026-12-01T08:00:00+01:00',
      tags: ['invoice'],
    },
  ],
});

export type EmailInput = z.infer<typeof EmailInput>;
export type AttachmentInput = z.infer<typeof Attachment>;
