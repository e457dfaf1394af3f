// Which header fields a DKIM signature covers, how often, and in which form (docs/decisions/0014-signatures.md).

/** A field as it stands in the header, one character per byte, without its last line end. */
interface Field {
  /** In lower case. */
  name: string;
  text: string;
}

/** Covered also where they are absent: whoever added one would have it shown for ours (RFC 6376 5.4, 8.15). */
const ALWAYS = ['from', 'to', 'cc', 'subject', 'reply-to'];

/** Covered once more than they are there, where they are: at most one of each says something (RFC 5322 3.6, RFC 2045, 8058). */
const ONCE = [
  'sender',
  'date',
  'message-id',
  'in-reply-to',
  'references',
  'mime-version',
  'content-type',
  'content-transfer-encoding',
  'content-id',
  'content-description',
  'content-disposition',
  'content-language',
  'content-location',
  'auto-submitted',
  'precedence',
  'importance',
  'priority',
  'x-priority',
  'sensitivity',
  'expires',
  'reply-by',
  'organization',
  'feedback-id',
  'autocrypt',
  'openpgp',
  'disposition-notification-to',
];

/** Each that is there, and others may come on the way: a message that is resent gets a block of its own (RFC 5322 3.6.6). */
const EACH = [
  'comments',
  'keywords',
  'resent-date',
  'resent-from',
  'resent-sender',
  'resent-to',
  'resent-cc',
  'resent-message-id',
];

/** @param header all fields with their line ends, one character per byte */
export const readFields = (header: string): Field[] =>
  header
    .replace(/\r\n$/, '')
    .split(/\r\n(?![ \t])/)
    .map((text) => ({ name: (/^[^:]*/.exec(text)?.[0] ?? '').trim().toLowerCase(), text }));

/** `relaxed` of RFC 6376 3.4.2. */
export const relaxed = (text: string): string => {
  const colon = text.indexOf(':');
  const value = text
    .slice(colon + 1)
    .replaceAll('\r\n', '')
    .replace(/[ \t]+/g, ' ')
    .replace(/^ | $/g, '');
  return `${text.slice(0, colon).trim().toLowerCase()}:${value}`;
};

/**
 * @returns the names for `h=`, and the fields that they stand for, in the same order: of those with one name the last comes
 *   first (RFC 6376 5.4.2), and a name too many stands for nothing
 */
export const fieldsToSign = (fields: readonly Field[]): { names: string[]; signed: string[] } => {
  const byName = new Map<string, string[]>();
  for (const { name, text } of fields) byName.set(name, [text, ...(byName.get(name) ?? [])]);
  const ofLists = [...byName.keys()].filter((name) => name.startsWith('list-'));
  const present = (names: string[]): string[] => names.filter((name) => byName.has(name));
  const [once, each] = [present([...ONCE, ...ofLists]), present(EACH)];
  const all = [...ALWAYS, ...once, ...each];
  const timesOf = (name: string): string[] => Array.from({ length: byName.get(name)?.length ?? 0 }, () => name);
  return {
    names: [...all.flatMap(timesOf), ...ALWAYS, ...once],
    signed: all.flatMap((name) => byName.get(name) ?? []).map(relaxed),
  };
};
