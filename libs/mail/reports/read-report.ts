// Reads a message that came back: what it is, and what it says of whom. Whatever its bytes, it is read in bounded time, or is `other`.
import PostalMime, { type Attachment, type Email } from 'postal-mime';
import { addressIn, readDeliveryStatus, readFeedback } from './status-fields';
import { readProse } from './told-in-prose';
import { tagsIn } from './return-path';
import type { Report } from './report';

/** Bytes of a report that are read: what machines read comes before the returned message, which may be large. */
export const MOST_READ = 256 * 1024;
const MOST_DEPTH = 20;
const MOST_HEADERS = 256 * 1024;
/** Parts of a report that are looked at. */
const MOST_PARTS = 50;
/** Lines that may begin a part: each costs the parser an object. */
const MOST_BOUNDARIES = 2_000;

export interface ReadReport {
  report: Report;
  /** What may be tags anywhere in it, for where its envelope is not known. */
  tags: string[];
}

const NOTHING: ReadReport = { report: { kind: 'other' }, tags: [] };

const textOf = ({ content }: Attachment): string =>
  typeof content === 'string' ? content : Buffer.from(content as ArrayBuffer).toString('utf8');

const isType =
  (pattern: RegExp) =>
  ({ mimeType }: Attachment) =>
    pattern.test(mimeType);
const STATUS = isType(/^message\/(?:global-)?delivery-status$/i);
const FEEDBACK = isType(/^message\/(?:x-)?feedback-report$/i);
const DISPOSITION = isType(/^message\/(?:global-)?disposition-notification$/i);

const withoutTags = (html: string): string =>
  html
    .replace(/<(?:br|\/p|\/div|\/tr|\/li)[^<>]{0,200}>/gi, '\n')
    .replace(/<[^<>@]{0,2000}>/g, '')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&nbsp;/g, ' ')
    .replace(/&amp;/g, '&');

const headerOf = ({ headers }: Email, name: string): string =>
  headers.find(({ key }) => key === name)?.value.slice(0, 4_000) ?? '';

const BOUNCE_SUBJECT =
  /undeliver|deliver(?:y|ed)? (?:status|report|fail|has|problem|notif|error|delay|incomplete|unsuccess)|returned (?:mail|to sender|e-?mail)|failure notice|failed delivery|mail (?:delivery|system error|failure)|non[- ]?deliver|not (?:be )?delivered|unzustellbar|nicht zugestellt|non remis|no entregad|mancata consegna|message (?:delayed|status)|could not (?:be )?(?:send|sent|deliver)|rejected|warning: (?:could not send|message)/i;
const FROM_MACHINE = /mailer[-_.]?daemon|postmaster|mail delivery|<>|microsoftexchange|bounce/i;
const AUTO_SUBJECT =
  /^(?:auto(?:matic)?[- :]*(?:reply|response|answer)|automatische antwort|out of (?:the )?office|abwesen|r(?:é|e)ponse automatique|respuesta autom|vacation|(?:i am|i'm) (?:away|on )|away from)/i;

/** An answer that a machine gives for a person who is away (RFC 3834 5). */
const isAutoReply = (mail: Email): boolean =>
  /^\s*auto-(?:replied|notified)/i.test(headerOf(mail, 'auto-submitted')) ||
  ['x-autoreply', 'x-autorespond', 'x-auto-reply-from'].some((name) => headerOf(mail, name) !== '') ||
  /auto[_-]?reply/i.test(headerOf(mail, 'precedence')) ||
  AUTO_SUBJECT.test(mail.subject ?? '');

/** A report in prose: a machine wrote it, and it speaks of a delivery. */
const isBounceInProse = (mail: Email): boolean => {
  if (headerOf(mail, 'x-failed-recipients') !== '') return true;
  const isNotice = BOUNCE_SUBJECT.test(mail.subject ?? '');
  return isNotice && FROM_MACHINE.test(`${headerOf(mail, 'from')} ${headerOf(mail, 'return-path')}`);
};

const reportIn = (mail: Email, parts: Attachment[], text: string): Report => {
  const feedback = parts.find(FEEDBACK);
  if (feedback !== undefined) return readFeedback(textOf(feedback));
  const status = parts.filter(STATUS).flatMap((part) => readDeliveryStatus(textOf(part)) ?? [])[0];
  if (status !== undefined) return status;
  if (parts.some(DISPOSITION)) return { kind: 'other' };
  const isReport = parts.some(STATUS) || /delivery-status/i.test(headerOf(mail, 'content-type'));
  if (isReport || isBounceInProse(mail)) {
    const failed = headerOf(mail, 'x-failed-recipients').split(',');
    const named = failed.flatMap((one) => addressIn(one) ?? []);
    return { kind: 'delivery-status', recipients: readProse(text, mail.subject ?? '', named) };
  }
  return { kind: isAutoReply(mail) ? 'auto-reply' : 'other' };
};

/** How many lines begin like a boundary between parts. */
const boundariesIn = (bytes: Buffer): number => {
  let count = 0;
  for (let at = bytes.indexOf('\n--'); at >= 0 && count <= MOST_BOUNDARIES; at = bytes.indexOf('\n--', at + 3)) count++;
  return count;
};

/**
 * Reads a report; never throws.
 * @param bytes of the message; those beyond `MOST_READ` are left out
 */
export const readReport = async (bytes: Buffer): Promise<ReadReport> => {
  const read = bytes.subarray(0, MOST_READ);
  if (boundariesIn(read) > MOST_BOUNDARIES) return NOTHING;
  try {
    const mail = await PostalMime.parse(read, {
      rfc822Attachments: true,
      forceRfc822Attachments: true,
      maxRfc822NestingDepth: 0,
      maxNestingDepth: MOST_DEPTH,
      maxHeadersSize: MOST_HEADERS,
    });
    const parts = mail.attachments.slice(0, MOST_PARTS);
    const text = mail.text ?? withoutTags(mail.html ?? '');
    const heads = mail.headers.map(({ value }) => value).join('\n');
    return {
      report: reportIn(mail, parts, text),
      tags: tagsIn([heads, ...parts.map(textOf), text].join('\n')),
    };
  } catch {
    return NOTHING;
  }
};
