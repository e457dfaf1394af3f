// Which emails are asked for, and whether one is among them.
import type { Failure, FailureCode } from '../../mail/email/failure';
import { parseLogLine, type Attempt, type Reply } from '../../mail/email/outcome';
import type { State } from '../../mail/email/state';
import { messageIdOf } from '../../mail/email/stored-email';
import type { ReportedKind } from '../../mail/reports/report';
import type { ResolvedSettings, SettingsLevel } from '../../mail/settings/settings';
import type { QueueAddress } from '../../mail/address/queue-address';
import type { Redis } from '../../store/redis/redis';
import { idTime } from '../layout/email-id';
import { readRecords, subjectOfRecord, type EmailRecord } from '../layout/email-record';
import type { EmailQueue } from '../layout/queues';

/** What an email must be, each of what is given. */
export interface EmailFilter {
  /** One of these. */
  id?: string | string[] | undefined;
  /** One of these. */
  state?: State | State[] | undefined;
  /** As `readRecipientPattern` reads it. */
  recipient?: string | undefined;
  template?: string | undefined;
  tag?: string | undefined;
  /** Without the angle brackets. */
  messageId?: string | undefined;
  /** Values as text. */
  metadata?: Record<string, string> | undefined;
  /** Words, each of which begins a word of the subject. */
  subject?: string | undefined;
  /** Of the failure. */
  code?: FailureCode | undefined;
  /** What the server said last: a reply code, an enhanced one, or both. */
  reply?: string | undefined;
  /** What was reported of one of its recipients after it was sent. */
  reported?: ReportedKind | undefined;
  /** The id of an incident that it stands in now. */
  incident?: string | undefined;
  /** Of the last attempt; of an email without one, the transport that it would have now. */
  transport?: string | undefined;
  /** ms since 1970, of acceptance: from `since` on, before `until`. */
  since?: number | undefined;
  until?: number | undefined;
}

export interface FilterDeps {
  redis: Redis;
  tenants: { settings(address: QueueAddress, own?: SettingsLevel): Promise<ResolvedSettings> };
}

/** The words of a text, in the form in which they are compared. */
export const wordsOf = (text: string): string[] =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .split(/[^\p{L}\p{N}\p{M}]+/u)
    .filter((word) => word !== '');

const hasWords = (wanted: string[], subject: string | undefined): boolean => {
  const words = subject === undefined ? [] : wordsOf(subject);
  return wanted.every((want) => words.some((word) => word.startsWith(want)));
};

const hasMetadata = (wanted: Record<string, string>, metadata: Record<string, unknown> = {}): boolean =>
  Object.entries(wanted).every(([key, value]) => Object.hasOwn(metadata, key) && String(metadata[key]) === value);

export const isInState = (wanted: EmailFilter['state'], state: State): boolean =>
  wanted === undefined || [wanted].flat().includes(state);

/** What can be told of a record alone. @returns the test of a filter, made once for many records */
const ofRecord = (filter: EmailFilter): ((record: EmailRecord) => boolean) => {
  const words = filter.subject === undefined ? undefined : wordsOf(filter.subject);
  return (record) => {
    const { id, email } = record;
    return (
      (filter.id === undefined || [filter.id].flat().includes(id)) &&
      isInState(filter.state, record.state) &&
      (filter.since === undefined || idTime(id) >= filter.since) &&
      (filter.until === undefined || idTime(id) < filter.until) &&
      (filter.template === undefined || email.template?.name === filter.template) &&
      (filter.tag === undefined || (email.tags ?? []).includes(filter.tag)) &&
      (filter.code === undefined || record.failure?.code === filter.code) &&
      (filter.incident === undefined || record.cause === filter.incident) &&
      (filter.reported === undefined || record.recipients?.[filter.reported] !== undefined) &&
      (filter.reply === undefined || record.failure !== undefined) &&
      (filter.messageId === undefined || messageIdOf(id, email) === filter.messageId) &&
      (filter.metadata === undefined || hasMetadata(filter.metadata, email.metadata)) &&
      (words === undefined || hasWords(words, subjectOfRecord(record)))
    );
  };
};

const isReply = (wanted: string, { code, enhancedCode }: Pick<Reply, 'code' | 'enhancedCode'>): boolean =>
  wanted.split(' ').every((part) => part === String(code) || part === enhancedCode);

/** Where no replies are kept (`log: none`), the failure's text still quotes the server. */
const quoted = ({ text }: Failure): Reply[] =>
  [...text.matchAll(/\b([245]\d\d)(?:[ -]([245]\.\d{1,3}\.\d{1,3}))?(?= )/g)].map(([, code, enhancedCode]) => ({
    code: Number(code),
    text: '',
    ...(enhancedCode !== undefined && { enhancedCode }),
  }));

/** Lines of a log that are read in search of the last attempt: changes may follow it. */
const LAST_LINES = 10;

const lastAttempt = async (redis: Redis, queue: EmailQueue, id: string): Promise<Attempt | undefined> => {
  const lines = await redis.lrange(queue.keys.log(id), -LAST_LINES, -1);
  for (const line of lines.reverse()) {
    const read = parseLogLine(line);
    if (read?.kind === 'attempt') return read;
  }
  return undefined;
};

/** What only the email's history tells. */
const ofHistory = async (
  { redis, tenants }: FilterDeps,
  queue: EmailQueue,
  { reply, transport }: EmailFilter,
  record: EmailRecord,
): Promise<boolean> => {
  const attempt = await lastAttempt(redis, queue, record.id);
  if (reply !== undefined && record.failure !== undefined) {
    const replies = [...(attempt?.replies ?? []), ...(record.recipients?.refused ?? [])];
    const told = replies.length > 0 ? replies : quoted(record.failure);
    if (!told.some((one) => isReply(reply, one))) return false;
  }
  if (transport === undefined) return true;
  const used = attempt?.transport ?? (await tenants.settings(queue.address, record.email)).transport;
  return used === transport;
};

/**
 * @returns reads emails of a queue, and gives those of them that the filter asks for, in the place of their ids; undefined in
 * the place of others
 */
export const createReadMatching = (deps: FilterDeps, filter: EmailFilter) => {
  const isAsked = ofRecord(filter);
  const asksHistory = filter.reply !== undefined || filter.transport !== undefined;
  return async (queue: EmailQueue, ids: string[]): Promise<(EmailRecord | undefined)[]> => {
    const records = await readRecords(deps.redis, queue, ids);
    const found = records.map((record) => (record !== undefined && isAsked(record) ? record : undefined));
    if (!asksHistory) return found;
    return Promise.all(
      found.map(async (record) => (record && (await ofHistory(deps, queue, filter, record)) ? record : undefined)),
    );
  };
};
