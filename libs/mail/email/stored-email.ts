// The format in which an email lives in its job: small, versioned, for good. Large parts are named by their content id.
import type { Address } from '../address/address';
import type { SettingsLevel } from '../settings/settings';
import type { NeededApproval } from './approval';

/** Rises when the format changes; a worker refuses what it does not know instead of sending something wrong. */
export const EMAIL_FORMAT = 1;

/** That of a confidential email, of which earlier versions would send what is left without its content. */
export const SEALED_FORMAT = 2;

/** That of an email whose contents are gone, for the same reason. */
export const WIPED_FORMAT = 3;

interface AttachmentHeader {
  filename: string;
  contentType?: string;
  cid?: string;
  disposition?: 'attachment' | 'inline';
}

/** A complete message instead of content: its bytes are in the content store, checked and in their final form. */
export interface StoredRaw {
  contentId: string;
  /** Bytes of the message. */
  size: number;
  /** The address of its From; where From has several, that of its Sender. */
  from: string;
  /** The addresses of its From, where there are several (RFC 5322 3.6.2). */
  authors?: string[];
  /** For people to read. */
  subject?: string;
  /** Its own, without the angle brackets; where it has none, that of the email is put into it. */
  messageId?: string;
  /** It has a Date of its own; where not, the time of the attempt is put into it. */
  dated: boolean;
  /** It has bytes beyond ASCII in its body. */
  eightBit?: true;
  /** It has them in its header: the server must take SMTPUTF8 (RFC 6531). */
  utf8?: true;
  /** The bytes in the store are compressed: an archived message that is sent again as it was. */
  gzip?: true;
}

/** Everybody in whose name it is sent. */
export const sendersOf = ({ from, authors = [] }: Pick<StoredRaw, 'from' | 'authors'>): string[] => [from, ...authors];

/** One whose bytes are in the content store. */
export interface StoredAttachment extends AttachmentHeader {
  contentId: string;
  size: number;
}

/** One that is fetched at each attempt. */
export interface LinkedAttachment extends AttachmentHeader {
  url: string;
}

export const isLinked = (attachment: StoredAttachment | LinkedAttachment): attachment is LinkedAttachment =>
  'url' in attachment;

/** Parts of an email that may be too large for its job. */
export const LARGE_PARTS = ['html', 'text', 'data'] as const;
export type LargePart = (typeof LARGE_PARTS)[number];

/** A part that was moved to the content store, with its size in bytes. */
export interface PartInStore {
  contentId: string;
  size: number;
}

/** What a client gave as settings of the email itself; read by `resolveSettings` as the nearest level. */
type OwnSettings = Omit<
  SettingsLevel,
  | 'from'
  | 'replyTo'
  | 'errors'
  | 'concurrency'
  | 'dataSources'
  | 'approval'
  | 'redirectTo'
  | 'contentDays'
  | 'archiveTo'
>;

export interface StoredEmail extends OwnSettings {
  /**
   * What a confidential email says, sealed (libs/jobs/layout/sealed-email.ts); the first member of its JSON, where scripts of
   * Redis find it. A confidential email without it has ended: it was wiped.
   */
  sealed?: string;
  /** The contents that `sealed` names, with the sizes in which they are kept. */
  contents?: PartInStore[];
  v: typeof EMAIL_FORMAT | typeof SEALED_FORMAT | typeof WIPED_FORMAT;
  /** Rises with every correction; the ETag. */
  rev: number;
  /** Domain of the Message-ID, fixed at acceptance: the same over all attempts and all later configurations. */
  domain: string;
  from?: Address;
  to: Address[];
  cc?: Address[];
  bcc?: Address[];
  replyTo?: Address[];
  subject?: string;
  html?: string;
  text?: string;
  template?: { name: string; version?: number };
  data?: Record<string, unknown>;
  /** Where more data is fetched from at each attempt. */
  dataUrl?: string;
  /** Parts that are in the content store instead of above. */
  stored?: Partial<Record<LargePart, PartInStore>>;
  raw?: StoredRaw;
  attachments?: (StoredAttachment | LinkedAttachment)[];
  headers?: Record<string, string>;
  tags?: string[];
  metadata?: Record<string, string | number | boolean>;
  /** ISO 8601 in UTC, where one was given. */
  sendAt?: string;
  /** ISO 8601 in UTC; fixed at acceptance, anew at a release. */
  expiresAt: string;
  /** The time of expiry was given as such: a release does not move it while it is ahead. */
  fixedExpiry?: true;
  /** The email that it was made from, to be sent again. */
  resentFrom?: string;
  /** The span in which it was accepted (W3C Trace Context), where the operator traces. */
  traceparent?: string;
  /** Addresses that a correction took away: whoever looks for them finds the email. */
  formerly?: string[];
  /** How often recipients who were erased were taken out: who is left is not the only one who had it. */
  forgotten?: number;
  /** What it said is gone, by the setting `contentDays`; `contents` are those that it had. */
  contentWiped?: true;
  /** It needs an approval, or needed one and has it (docs/approval.md). */
  needsApproval?: NeededApproval;
}

const texts = new WeakMap<StoredEmail, string>();

/** An email as its job holds it: made once, since nobody changes an email that was made. */
export const jsonOf = (email: StoredEmail): string => {
  const known = texts.get(email);
  if (known !== undefined) return known;
  const text = JSON.stringify(email);
  texts.set(email, text);
  return text;
};

/** What stands for a job that holds no email; nobody gets it, and the API accepts none like it. */
const NO_EMAIL: StoredEmail = { v: EMAIL_FORMAT, rev: 1, domain: '', to: [], expiresAt: '9999-12-31T23:59:59.999Z' };

const isAddresses = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.every((one) => typeof one === 'object' && one !== null && typeof (one as Address).address === 'string');

const isStored = (value: unknown): value is StoredEmail => {
  if (typeof value !== 'object' || value === null) return false;
  const { v, rev, domain, to, cc, bcc, expiresAt } = value as Partial<Record<keyof StoredEmail, unknown>>;
  if (typeof v !== 'number' || typeof rev !== 'number' || typeof domain !== 'string') return false;
  const lists = [to, cc ?? [], bcc ?? []];
  return lists.every(isAddresses) && typeof expiresAt === 'string' && !Number.isNaN(Date.parse(expiresAt));
};

/**
 * The email that a job holds. Another BullMQ client may have put anything there: what is none is read as one without
 * recipients.
 * @param json the job's data
 */
export const readStored = (json: string | null | undefined): StoredEmail => {
  const value: unknown = JSON.parse(json ?? 'null');
  return isStored(value) ? value : NO_EMAIL;
};

/** The Message-ID of an email (RFC 5322 3.6.4), without the angle brackets. */
export const messageIdOf = (id: string, email: Pick<StoredEmail, 'domain' | 'raw'>): string =>
  email.raw?.messageId ?? `${id}@${email.domain}`;

/** The subject, where it is known before the email is rendered. */
export const subjectOf = (email: Pick<StoredEmail, 'subject' | 'raw'>): string | undefined =>
  email.subject ?? email.raw?.subject;

/** Every address that gets the email, in the order of its headers. */
export const recipientsOf = (email: Pick<StoredEmail, 'to' | 'cc' | 'bcc'>): Address[] => [
  ...email.to,
  ...(email.cc ?? []),
  ...(email.bcc ?? []),
];

/** It ended, and what it said was wiped: nothing can be made of it any more. */
export const isWiped = (email: Pick<StoredEmail, 'confidential' | 'sealed' | 'contentWiped'>): boolean =>
  email.contentWiped === true || (email.confidential === true && email.sealed === undefined);

/** The contents that an email needs, each once, with their sizes in bytes. */
export const contentsOf = (email: StoredEmail): PartInStore[] => {
  if (email.contents !== undefined) return email.contents;
  const all = [
    ...(email.attachments ?? []).flatMap((one) => (isLinked(one) ? [] : [one])),
    ...Object.values(email.stored ?? {}),
    ...(email.raw === undefined ? [] : [email.raw]),
  ];
  return [...new Map(all.map(({ contentId, size }) => [contentId, { contentId, size }])).values()];
};

export const contentIdsOf = (email: StoredEmail): string[] => contentsOf(email).map(({ contentId }) => contentId);

/** When an email may be sent at the earliest, ms since 1970; `acceptedAt` where nothing else was asked for. */
export const dueAt = (email: { sendAt?: string | undefined }, acceptedAt: number): number =>
  email.sendAt === undefined ? acceptedAt : Math.max(acceptedAt, Date.parse(email.sendAt));
