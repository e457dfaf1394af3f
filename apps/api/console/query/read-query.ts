// The query box: what somebody typed, as filters of the API, as chips, and what of it was not understood.
import { FAILURE_CODES } from '../../../../libs/mail/email/failure';
import { STATES } from '../../../../libs/mail/email/state';
import { REPORTED } from '../../../../libs/mail/reports/report';

/** One word of a query. */
export interface Chip {
  /** A filter of the API's lists, or `tenant` and `queue`, which say where. */
  name: string;
  value: string;
  /** The query without it. */
  without: string;
}

/** A word that was not understood: there is no filter of its name, its value cannot be, or it stands there twice. */
export interface Fault {
  word: string;
  why: 'unknown' | 'value' | 'twice' | 'empty';
  /** What could stand there instead, where that is a list. */
  known: readonly string[];
}

export interface Query {
  /** Parameters of the API's lists. */
  filter: Record<string, string>;
  tenant?: string;
  application?: string;
  chips: Chip[];
  faults: Fault[];
}

/** What may stand before a colon, and the filter that it means. */
const NAMES = new Map(
  Object.entries({
    to: 'recipient',
    recipient: 'recipient',
    state: 'state',
    since: 'since',
    until: 'until',
    template: 'template',
    tag: 'tag',
    subject: 'subject',
    code: 'code',
    reply: 'reply',
    transport: 'transport',
    reported: 'reported',
    id: 'id',
    'message-id': 'messageId',
    messageid: 'messageId',
    incident: 'incident',
    tenant: 'tenant',
    queue: 'queue',
  }),
);
/** As they are told to whoever wrote another one. */
export const KNOWN =
  'to state since until template tag subject code reply transport reported metadata.case id tenant'.split(' ');

const MANY = new Set(['state', 'id']);
const VALUES: Readonly<Record<string, readonly string[]>> = {
  state: STATES,
  code: FAILURE_CODES,
  reported: REPORTED,
};
const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** Words, which quotes keep together: `subject:"two words"`. */
const WORD = /(?:[^\s"]|"[^"]*"?)+/g;
const unquoted = (text: string): string => text.replace(/"/g, '').trim();
const quoted = (text: string): string => (/\s/.test(text) ? `"${text}"` : text);

/** A span before now, as a point in time; what is no span stays. @param now ms since 1970 */
const timeOf = (text: string, now: number): string => {
  const [, number, unit = ''] = /^(\d{1,6})([mhdw])$/i.exec(text) ?? [];
  const size = UNITS[unit.toLowerCase()];
  return number === undefined || size === undefined
    ? text
    : new Date(Math.max(0, now - Number(number) * size)).toISOString();
};

/** What a word without a name means by its looks. */
const nameOf = (word: string): string => {
  if (/^m_[0-9a-v]{26}$/.test(word)) return 'id';
  if (/^i_[0-9a-v]{12}$/.test(word)) return 'incident';
  if (/^<[^<>\s]+@[^<>\s]+>$/.test(word) || /^m_[0-9a-v]{26}@/.test(word)) return 'messageId';
  return /[@*]/.test(word) ? 'recipient' : 'subject';
};

interface Read {
  name: string | undefined;
  value: string;
}

const readWord = (word: string): Read => {
  const [, label, rest] = /^([A-Za-z][\w-]*(?:\.[^:"@\s]+)?):(.*)$/s.exec(word) ?? [];
  if (label === undefined || rest === undefined) return { name: nameOf(unquoted(word)), value: unquoted(word) };
  const known = NAMES.get(label.toLowerCase());
  const name = /^metadata\.[^.]/i.test(label) ? `metadata.${label.slice('metadata.'.length)}` : known;
  return { name, value: unquoted(rest) };
};

const isTime = (text: string): boolean => /^\d{4}-\d{2}-\d{2}/.test(text);

/** What is wrong with the value of a filter. */
const faultOf = (name: string, value: string): Pick<Fault, 'why' | 'known'> | undefined => {
  if (value === '') return { why: 'empty', known: VALUES[name] ?? [] };
  const known = VALUES[name];
  if (known !== undefined && !value.split(',').every((one) => known.includes(one))) return { why: 'value', known };
  if ((name === 'since' || name === 'until') && !isTime(value))
    return { why: 'value', known: ['7d', '24h', '2026-11-01'] };
  return undefined;
};

/** Puts a word's value where the API's lists take it. @returns false where there is one already */
const put = (query: Query, name: string, value: string): boolean => {
  if (name === 'tenant' || name === 'queue') {
    const [tenant = '', application] = value.split('/');
    if (query.tenant !== undefined && query.tenant !== tenant) return false;
    query.tenant = tenant;
    if (application) query.application = application;
    return true;
  }
  const present = query.filter[name];
  if (present !== undefined && name === 'subject') query.filter[name] = `${present} ${value}`;
  else if (present !== undefined && MANY.has(name)) query.filter[name] = `${present},${value}`;
  else if (present !== undefined) return false;
  else query.filter[name] = value;
  return true;
};

/**
 * Reads what was typed: `ann@example.org state:failed since:7d subject:"two words"`. Words without a name are recipients where they
 * have an @ or a *, ids and Message-IDs where they look so, and else words of the subject.
 * @param now ms since 1970: spans like 7d end there
 */
export const readQuery = (text: string, now: number): Query => {
  const query: Query = { filter: {}, chips: [], faults: [] };
  const words = text.match(WORD) ?? [];
  for (const [index, word] of words.entries()) {
    const without = words.filter((_, other) => other !== index).join(' ');
    const { name, value } = readWord(word);
    if (name === undefined) {
      query.faults.push({ word, why: 'unknown', known: KNOWN });
      continue;
    }
    const meant =
      name === 'since' || name === 'until' ? timeOf(value, now) : name === 'state' ? value.toLowerCase() : value;
    const fault = faultOf(name, meant);
    if (fault !== undefined) query.faults.push({ word, ...fault });
    else if (put(query, name, meant)) query.chips.push({ name, value, without });
    else query.faults.push({ word, why: 'twice', known: [] });
  }
  return query;
};

/** The same query with other states; undefined: in any. */
export const withStates = (text: string, states: string | undefined): string =>
  [...(text.match(WORD) ?? []).filter((word) => !/^state:/i.test(word)), ...(states ? [`state:${states}`] : [])].join(
    ' ',
  );

/** A word of a query. */
export const queryWord = (name: string, value: string): string => `${name}:${quoted(value)}`;

/** The same as an operation on many emails takes it. */
export const bulkFilter = (filter: Query['filter']): Record<string, unknown> =>
  Object.fromEntries(Object.entries(filter).map(([name, value]) => [name, MANY.has(name) ? value.split(',') : value]));
