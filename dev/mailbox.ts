// What the development inbox keeps: the last mails as they came, parsed only when somebody looks.
import { simpleParser, type AddressObject, type ParsedMail } from 'mailparser';

/** Who was named to the server; blind copies show only here. */
export interface Envelope {
  from: string;
  to: string[];
}

/** A line of the list. */
export interface Summary {
  id: string;
  from: string;
  to: string[];
  subject: string;
  /** When it came, ISO 8601. */
  date: string;
  size: number;
  messageId: string;
  envelope: Envelope;
}

export interface Attachment {
  filename: string;
  contentType: string;
  size: number;
  cid?: string;
  content: Buffer;
}

/** A whole mail, taken apart. */
export interface Letter extends Summary {
  headers: { name: string; value: string }[];
  text: string;
  html: string;
  attachments: Attachment[];
}

export interface Mailbox {
  /** @returns the id */
  add(raw: Buffer, envelope: Envelope): string;
  /** Newest first. */
  list(): Promise<Summary[]>;
  read(id: string): Promise<Letter | undefined>;
  raw(id: string): Buffer | undefined;
  /** How many have come since the start, those no longer kept included. */
  readonly received: number;
}

interface Kept {
  id: string;
  raw: Buffer;
  envelope: Envelope;
  date: string;
  summary?: Promise<Summary>;
}

const MOST = 500;
const MOST_BYTES = 256 * 1024 * 1024;

const addresses = (given: AddressObject | AddressObject[] | undefined): string[] =>
  [given ?? []]
    .flat()
    .flatMap(({ value }) => value.map(({ name, address = '' }) => (name ? `${name} <${address}>` : address)));

const summarise = ({ id, raw, envelope, date }: Kept, mail: ParsedMail): Summary => ({
  id,
  from: addresses(mail.from)[0] ?? envelope.from,
  to: mail.to === undefined ? envelope.to : addresses(mail.to),
  subject: mail.subject ?? '',
  date,
  size: raw.length,
  messageId: mail.messageId ?? '',
  envelope,
});

/** The head is enough for the list, and a large mail is not read for it. */
const headOf = (raw: Buffer): Buffer => {
  const end = raw.indexOf('\r\n\r\n');
  return end < 0 ? raw : raw.subarray(0, end + 4);
};

const contentOf = (mail: ParsedMail): Omit<Letter, keyof Summary> => ({
  headers: mail.headerLines.map(({ line }) => {
    const [name = ''] = line.split(':', 1);
    return { name, value: line.slice(name.length + 1).trim() };
  }),
  text: mail.text ?? '',
  html: mail.html === false ? '' : (mail.html ?? ''),
  attachments: mail.attachments.map(({ filename, contentType, size, cid, content }, index) => ({
    filename: filename ?? `attachment-${index + 1}`,
    contentType,
    size,
    ...(cid === undefined ? {} : { cid }),
    content,
  })),
});

/** Makes a mailbox that keeps the last 500 mails (and at most 256 MiB) in memory. */
export const createMailbox = (): Mailbox => {
  const kept: Kept[] = [];
  let bytes = 0;
  let received = 0;
  const find = (id: string): Kept | undefined => kept.find((mail) => mail.id === id);
  const summary = (mail: Kept): Promise<Summary> =>
    (mail.summary ??= simpleParser(headOf(mail.raw)).then((parsed) => summarise(mail, parsed)));

  return {
    add: (raw, envelope) => {
      received += 1;
      bytes += raw.length;
      const id = String(received);
      kept.unshift({ id, raw, envelope, date: new Date().toISOString() });
      while (kept.length > MOST || (bytes > MOST_BYTES && kept.length > 1)) bytes -= kept.pop()?.raw.length ?? 0;
      return id;
    },
    list: () => Promise.all(kept.map(summary)),
    read: async (id) => {
      const mail = find(id);
      if (mail === undefined) return undefined;
      const options = { skipHtmlToText: true, skipTextToHtml: true };
      const [parsed, first] = await Promise.all([simpleParser(mail.raw, options), summary(mail)]);
      return { ...first, ...contentOf(parsed) };
    },
    raw: (id) => find(id)?.raw,
    get received() {
      return received;
    },
  };
};
