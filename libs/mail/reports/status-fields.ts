// The parts of a report that machines are meant to read: delivery status (RFC 3464) and feedback (RFC 5965), as servers write them.
import { normalizeAddress } from '../address/address';
import type { RecipientReport, Report } from './report';

/** Recipients that one report names; an email has fewer. */
const MOST_GROUPS = 1_000;
/** Lines of such a part that are read. */
const MOST_LINES = 20_000;
/** Characters that are kept of a server's words. */
const MOST_WORDS = 500;

/** The fields of one group, by name in lower case; of several with one name the first. */
type Fields = Map<string, string>;

/** Does this field begin the next recipient, where a server leaves the empty line between two out? */
const beginsAnew = (fields: Fields, name: string): boolean =>
  fields.has('final-recipient') &&
  (name === 'final-recipient' || (name === 'original-recipient' && fields.has('action')));

/**
 * Groups of fields with empty lines between them; a field goes on in lines that begin with a space (RFC 822 3.1.1).
 * @returns those that have any
 */
export const fieldGroups = (text: string): Fields[] => {
  const groups: Fields[] = [];
  let fields: Fields = new Map();
  let last = '';
  const next = (): void => {
    if (fields.size > 0) groups.push(fields);
    fields = new Map();
    last = '';
  };
  for (const line of text.split(/\r\n|\r|\n/, MOST_LINES)) {
    if (groups.length === MOST_GROUPS) break;
    if (line.trim() === '') next();
    else if (/^[ \t]/.test(line)) {
      if (last !== '') fields.set(last, `${fields.get(last) ?? ''} ${line.trim()}`.slice(0, 4_000));
    } else {
      const [, name = '', value = ''] = /^([!-9;-~]{1,100})[ \t]*:(.*)$/.exec(line) ?? [];
      if (name === '') continue;
      const known = name.toLowerCase();
      if (beginsAnew(fields, known)) next();
      last = fields.has(known) ? '' : known;
      if (last !== '') fields.set(last, value.trim().slice(0, 4_000));
    }
  }
  next();
  return groups;
};

/** One line of somebody else's words, without characters that hide. */
export const wordsOf = (text: string): string =>
  text
    .replace(/[\u0000-\u001f\u007f\u2028\u2029]+/g, ' ')
    .replace(/ {2,}/g, ' ')
    .trim()
    .slice(0, MOST_WORDS);

/** The enhanced status in a text: `5.1.1`, `#5.1.1`, `550-5.1.1`; no part of an IP address or a version. */
export const statusIn = (text: string): string | undefined =>
  /(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![.\d])/.exec(text)?.[1];

/** `rfc822;ann@example.org`, in all its ways: without the type, in angle brackets, with a comment. */
export const addressIn = (value: string): string | undefined => {
  const text = value.slice(0, 1_000).replace(/^\s*[a-z0-9-]{1,20}\s*;\s*/i, '');
  if (!text.includes('@')) return undefined;
  // Bounded on both sides: whatever somebody writes is looked through in a moment.
  const inBrackets = /<([^<>\s@]{1,320}@[^<>\s@]{1,255})>/.exec(text)?.[1];
  return inBrackets ?? /[^\s<>()",;:@]{1,320}@[^\s<>()",;:@]{1,255}/.exec(text)?.[0];
};

const addressesIn = (...values: (string | undefined)[]): string[] => [
  ...new Set(values.flatMap((value) => (value === undefined ? [] : (addressIn(value) ?? [])))),
];

const KINDS: [action: RegExp, kind: RecipientReport['kind']][] = [
  [/^fail/i, 'bounced'],
  [/^delay/i, 'delayed'],
  // Relayed and expanded (RFC 3464 2.3.3): it was handed on, and nobody will say more.
  [/^(?:deliver|relay|expand)/i, 'delivered'],
];

const BY_CLASS: Record<string, RecipientReport['kind']> = { 2: 'delivered', 4: 'delayed', 5: 'bounced' };

const isSameAddress = (one: string, other: string): boolean => normalizeAddress(one) === normalizeAddress(other);

const ofGroup = (fields: Fields): RecipientReport | undefined => {
  const written = fields.get('status') ?? '';
  const said = wordsOf((fields.get('diagnostic-code') ?? '').replace(/^\s*(?:smtp|x-[\w-]+|unknown)\s*;\s*/i, ''));
  const general = statusIn(written);
  // What the server itself says is more exact than 5.0.0 of the one that reports.
  const isGeneral = general === undefined || /^\d\.0\.0$/.test(general);
  const status = (isGeneral ? statusIn(said) : undefined) ?? general;
  const action = fields.get('action') ?? '';
  const kind = KINDS.find(([pattern]) => pattern.test(action))?.[1] ?? BY_CLASS[(status ?? '').charAt(0)];
  const [original, final] = ['original-recipient', 'final-recipient'].map((name) => addressIn(fields.get(name) ?? ''));
  const recipients = [...new Set([original, final].filter((one) => one !== undefined))];
  const isForwarded = original !== undefined && final !== undefined && !isSameAddress(original, final);
  if (kind === undefined || !(recipients.length > 0 || fields.has('action'))) return undefined;
  return {
    kind,
    recipients,
    ...(isForwarded && { isForwarded }),
    ...(status !== undefined && { status }),
    ...(said !== '' && { diagnostic: said }),
  };
};

/** @returns undefined where it tells of no recipient */
export const readDeliveryStatus = (text: string): Extract<Report, { kind: 'delivery-status' }> | undefined => {
  const groups = fieldGroups(text);
  const recipients = groups.flatMap((fields) => ofGroup(fields) ?? []);
  if (recipients.length === 0) return undefined;
  return { kind: 'delivery-status', recipients };
};

/** Types of feedback by which somebody says that the email was not wanted (RFC 5965 7.3; `opt-out` as some write it). */
const COMPLAINTS = /^(?:abuse|fraud|opt-out|opt-out-list|complaint)$/;

/** `not-spam`, `auth-failure` (RFC 6591) and the like are no complaints. */
export const readFeedback = (text: string): Report => {
  const fields: Fields = new Map(fieldGroups(text).flatMap((group) => [...group]));
  const feedbackType = wordsOf(fields.get('feedback-type') ?? '')
    .toLowerCase()
    .slice(0, 40);
  if (!COMPLAINTS.test(feedbackType)) return { kind: 'other' };
  const recipients = addressesIn(
    fields.get('original-rcpt-to'),
    fields.get('removal-recipient'),
    fields.get('redacted-address'),
  );
  return { kind: 'complaint', feedbackType, recipients };
};
