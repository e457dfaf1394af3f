// Reads emails as BullMQ and our marks hold them: any number in one round trip.
import { readFailure, type Failure } from '../mail/failure';
import { readState, type Place, type State } from '../mail/state';
import { dueAt, readStored, type StoredEmail, type StoredRaw } from '../mail/stored-email';
import { MARK, SCORE_UNIT } from '../store/keys';
import type { Redis } from '../store/redis';
import { defineScript } from '../store/script';
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
  /** When it reached the history or the error log. */
  finishedAt?: number;
  /** Attempts that counted since it was accepted or released. */
  attemptsMade: number;
  /** Why it is in the error log; for a deferred one, why the last attempt failed. */
  failure?: Failure;
  /** The mark of a hand-over that the server confirmed, as written by the worker. */
  sent?: string;
  /** Recipients that are done with, where others are still to be tried. */
  done?: string;
  /** The message as it was handed over last, where it is kept. */
  archive?: StoredRaw;
}

const FIELDS = ['data', 'timestamp', 'atm', 'finishedOn', 'failedReason', MARK.sent, MARK.done, MARK.archive];

// KEYS: BullMQ's key prefix of the queue. ARGV: how many fields, the fields, the ids. Result: per id {place, score of
// the delayed set or '', fields} or {} for one that is not there. Atomic, so that an email in motion is seen in one
// place. The list of active jobs is as short as the workers' concurrency; waiting lists are never searched.
const readEmails = defineScript(`
local prefix, count = KEYS[1], tonumber(ARGV[1])
local fields, result = {}, {}
for index = 2, count + 1 do fields[#fields + 1] = ARGV[index] end
for index = count + 2, #ARGV do
  local id = ARGV[index]
  local key = prefix .. id
  if redis.call('EXISTS', key) == 0 then
    result[#result + 1] = {}
  else
    local place, score = 'waiting', ''
    if redis.call('ZSCORE', prefix .. 'completed', id) then place = 'completed'
    elseif redis.call('ZSCORE', prefix .. 'failed', id) then place = 'failed'
    elseif redis.call('EXISTS', key .. ':lock') == 1 or redis.call('LPOS', prefix .. 'active', id) then place = 'active'
    elseif redis.call('ZSCORE', prefix .. 'prioritized', id) then place = 'prioritized'
    else
      local found = redis.call('ZSCORE', prefix .. 'delayed', id)
      if found then place, score = 'delayed', found end
    end
    result[#result + 1] = {place, score, redis.call('HMGET', key, unpack(fields))}
  end
end
return result`);

type Row = [] | [place: Place, score: string, fields: (string | null)[]];

const toRecord = (id: string, row: Row, now: number): EmailRecord | undefined => {
  if (row.length === 0) return undefined;
  const [place, score, [data, timestamp, attempts, finishedOn, failedReason, sent, done, archive]] = row;
  const email = readStored(data);
  const acceptedAt = Number(timestamp);
  const sendAt = dueAt(email, acceptedAt);
  const attemptsMade = Number(attempts ?? 0);
  const failure = failedReason ? readFailure(failedReason) : undefined;
  const state = readState({ place, attemptsMade, sendAt, ...(failure && { failureCode: failure.code }) }, now);
  return {
    id,
    email,
    place,
    state,
    acceptedAt,
    sendAt,
    attemptsMade,
    ...(score !== '' && { nextAttemptAt: Math.floor(Number(score) / SCORE_UNIT) }),
    ...(finishedOn && { finishedAt: Number(finishedOn) }),
    ...(failure && place !== 'completed' && { failure }),
    ...(sent && { sent }),
    ...(done && { done }),
    ...(archive && { archive: JSON.parse(archive) as StoredRaw }),
  };
};

/**
 * @param now ms since 1970; a state may depend on it
 * @returns one record per id, undefined for those that are not there
 */
export const readRecords = async (
  redis: Redis,
  queue: EmailQueue,
  ids: string[],
  now: number,
): Promise<(EmailRecord | undefined)[]> => {
  if (ids.length === 0) return [];
  const rows = (await readEmails(redis, [queue.keys.bull], [FIELDS.length, ...FIELDS, ...ids])) as Row[];
  return rows.map((row, index) => toRecord(ids[index] ?? '', row, now));
};
