// Reads emails as BullMQ and our marks hold them: any number in one round trip.
import { normalizeAddress } from '../../mail/address/address';
import { expiredFailure, readFailure, type Failure } from '../../mail/email/failure';
import type { Reply } from '../../mail/email/outcome';
import type { ReportedKind, ReportedRecipient } from '../../mail/reports/report';
import { readReported } from '../../mail/reports/reported-mark';
import { readState, type Place, type State } from '../../mail/email/state';
import {
  dueAt,
  readStored,
  recipientsOf,
  subjectOf,
  type StoredEmail,
  type StoredRaw,
} from '../../mail/email/stored-email';
import { SCORE_UNIT } from '../../store/redis/keys';
import { MARK } from './marks';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import { PLACE } from './layout';
import type { EmailQueue } from './queues';

export interface EmailRecord {
  id: string;
  email: StoredEmail;
  place: Place;
  state: State;
  /** ms since 1970, here and below */
  acceptedAt: number;
  sendAt: number;
  /** When the next attempt is planned, for one that waits for its time. */
  nextAttemptAt?: number;
  /** When it reached the history or the error log, or when its time was over. */
  finishedAt?: number;
  /** Attempts that counted since it was accepted or released. */
  attemptsMade: number;
  /** Attempts that counted before the last release; numbers of attempts go on. */
  attemptsBefore: number;
  /** Why it is in the error log; for one that is tried again, why the last attempt failed. */
  failure?: Failure;
  /** The name of the cause that it stands in, which is the id of its incident (libs/jobs/traces/enter-cause.ts). */
  cause?: string;
  /** Why it was put back without an attempt, where it waits for that. */
  parked?: string;
  /** Which of its recipients have it and which were refused since the last release, where that was told apart. */
  recipients?: { accepted: string[]; refused: Reply[] } & Partial<Record<ReportedKind, ReportedRecipient[]>>;
  /** What it was rendered with, where it was sent or may have been. */
  subject?: string;
  /** The message as it was made for the last hand-over, where it is kept: it may never have left (`sentMessage`). */
  archive?: StoredRaw;
}

const FIELDS = [
  'data',
  'timestamp',
  'atm',
  'finishedOn',
  'failedReason',
  MARK.done,
  MARK.generation,
  MARK.archive,
  MARK.attempts,
  MARK.parked,
  MARK.cause,
  MARK.subject,
  MARK.reported,
];

// KEYS: BullMQ's key prefix of the queue. ARGV: how many fields, the fields, the ids. Result: the time in ms, then per id
// {place, score of the delayed set or '', fields} or {} for one that is not there. Atomic, so that an email in motion is seen in
// one place; by Redis' own clock, which decides what is due (take.ts), so that what is due is never shown as scheduled. The list of active jobs is as short as the workers' concurrency; waiting lists are never searched.
const readEmails = defineScript(`${PLACE}
local prefix, count, time = KEYS[1], tonumber(ARGV[1]), redis.call('TIME')
local fields, result = {}, {time[1] * 1000 + math.floor(time[2] / 1000)}
for index = 2, count + 1 do fields[#fields + 1] = ARGV[index] end
for index = count + 2, #ARGV do
  local id = ARGV[index]
  local where = place(prefix, id)
  if where == 'missing' then
    result[#result + 1] = {}
  else
    local score = where == 'delayed' and redis.call('ZSCORE', prefix .. 'delayed', id) or ''
    result[#result + 1] = {where, score, redis.call('HMGET', prefix .. id, unpack(fields))}
  end
end
return result`);

/** The mark of an email of whose recipients nothing was told apart. */
const NOTHING_DONE = JSON.stringify({ generation: 0, accepted: [], refused: [] });

type Row = [] | [place: Place, score: string, fields: (string | null)[]];

/**
 * What a job's mark says of the recipients that the email has now. A refusal holds until the next release, also where a person says
 * that it was sent; who has the email has it for good, and whoever is left has it when it is sent.
 */
const recipientsView = (
  text: string,
  email: StoredEmail,
  generation: number,
  isSent: boolean,
): NonNullable<EmailRecord['recipients']> => {
  const done = JSON.parse(text) as { generation: number; accepted: string[]; refused: Reply[] };
  const present = new Set(recipientsOf(email).map(({ address }) => normalizeAddress(address)));
  const isPresent = (address = ''): boolean => present.has(normalizeAddress(address));
  const refused = done.generation === generation ? done.refused.filter(({ recipient }) => isPresent(recipient)) : [];
  if (!isSent) return { accepted: done.accepted.filter(isPresent), refused };
  const not = refused.map(({ recipient = '' }) => normalizeAddress(recipient));
  return { accepted: [...present].filter((address) => !not.includes(address)), refused };
};

/** The time of an email is over while it waits: it is expired before the sweep has put it aside. */
const overdue = (email: StoredEmail): Pick<EmailRecord, 'finishedAt' | 'failure'> => ({
  finishedAt: Date.parse(email.expiresAt),
  failure: expiredFailure(email.expiresAt),
});

/** @param mark as it stands in the job (`MARK.archive`) */
export const toArchive = (mark: string | null | undefined): StoredRaw | undefined =>
  mark ? (JSON.parse(mark) as StoredRaw) : undefined;

const toRecord = (id: string, row: Row, now: number): EmailRecord | undefined => {
  if (row.length === 0) return undefined;
  const [place, score, fields] = row;
  const [
    data,
    timestamp,
    attempts,
    finishedOn,
    failedReason,
    done,
    generation,
    archive,
    before,
    parked,
    cause,
    subject,
    reported,
  ] = fields;
  const email = readStored(data);
  const archived = toArchive(archive);
  const acceptedAt = Number(timestamp);
  const sendAt = dueAt(email, acceptedAt);
  const attemptsMade = Number(attempts ?? 0);
  const failure = failedReason ? readFailure(failedReason) : undefined;
  const times = { sendAt, expiresAt: Date.parse(email.expiresAt) };
  const state = readState({ place, attemptsMade, ...times, ...(failure && { failureCode: failure.code }) }, now);
  const waits = score !== '' && state !== 'expired';
  const isSent = state === 'sent';
  const recipients =
    done || reported
      ? {
          ...recipientsView(done ?? NOTHING_DONE, email, Number(generation ?? 0), isSent),
          ...(reported && readReported(reported)),
        }
      : undefined;
  return {
    id,
    email,
    place,
    state,
    acceptedAt,
    sendAt,
    attemptsMade,
    attemptsBefore: Number(before ?? 0),
    ...(waits && { nextAttemptAt: Math.floor(Number(score) / SCORE_UNIT) }),
    ...(finishedOn && { finishedAt: Number(finishedOn) }),
    ...(failure && state !== 'sent' && { failure }),
    ...(state === 'expired' && place !== 'failed' && overdue(email)),
    ...(waits && state === 'queued' && parked && { parked }),
    ...(cause && { cause }),
    ...(recipients && { recipients }),
    ...(subject && { subject }),
    ...(archived && { archive: archived }),
  };
};

/**
 * The message that left with the last attempt, or may have: of an email that was never handed over, or whose last attempt
 * failed before, what is kept is not what somebody got.
 */
export const sentMessage = ({ archive, state }: EmailRecord): StoredRaw | undefined =>
  state === 'sent' || state === 'uncertain' ? archive : undefined;

/** The subject, where it is known: as it was given, else as it was rendered. */
export const subjectOfRecord = ({ email, subject }: EmailRecord): string | undefined => subjectOf(email) ?? subject;

/** @returns one record per id, as it is now by Redis' clock; undefined for those that are not there */
export const readRecords = async (
  redis: Redis,
  queue: EmailQueue,
  ids: string[],
): Promise<(EmailRecord | undefined)[]> => {
  if (ids.length === 0) return [];
  const args = [FIELDS.length, ...FIELDS, ...ids];
  const [now, ...rows] = (await readEmails(redis, [queue.keys.bull], args)) as [now: number, ...Row[]];
  return rows.map((row, index) => toRecord(ids[index] ?? '', row, now));
};
