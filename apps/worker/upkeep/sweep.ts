// The upkeep of emails whose time is over: unsent ones expire, kept ones go, with everything that belongs to them.
import { parseQueueName, type QueueAddress } from '../../../libs/mail/address/queue-address';
import { daysAsItEnded } from '../../../libs/mail/settings/retention';
import type { ResolvedSettings } from '../../../libs/mail/settings/settings';
import { contentIdsOf, type StoredEmail } from '../../../libs/mail/email/stored-email';
import { wipeContent } from '../../../libs/jobs/retention/wipe-content';
import type { State } from '../../../libs/mail/email/state';
import { readRecords, type EmailRecord } from '../../../libs/jobs/layout/email-record';
import { expireEmail } from '../../../libs/jobs/transitions/expire';
import type { EmailQueue, Queues } from '../../../libs/jobs/layout/queues';
import {
  dropEntry,
  entriesDue,
  keepUntil,
  lookAgain,
  nextEntry,
  UPKEEP_SETS,
  type UpkeepSet,
} from '../../../libs/jobs/layout/upkeep-entries';
import type { RemoveEmail } from '../../../libs/jobs/transitions/remove-email';
import { createMailLog } from '../../../libs/events/mail-log';
import type { Clock } from '../../../libs/runtime/clock';
import type { Log } from '../../../libs/runtime/log';
import type { ContentRefs } from '../../../libs/store/contents/content-refs';
import type { Redis } from '../../../libs/store/redis/redis';
import { dropFromUpkeep, queuesDue, rescheduleUpkeep } from '../../../libs/store/redis/upkeep-index';

export interface SweepDeps {
  redis: Redis;
  clock: Clock;
  log: Log;
  queues: Queues;
  refs: ContentRefs;
  removal: RemoveEmail;
  removeContent: (contentId: string) => Promise<void>;
  settingsOf: (queue: EmailQueue, email: StoredEmail) => Promise<ResolvedSettings>;
  /** An email was ended whose time was over. */
  onExpired: (address: QueueAddress) => void;
}

const DAY = 86_400_000;
const QUEUES_AT_ONCE = 200;
const EMAILS_AT_ONCE = 500;
/** An email in an attempt is looked at again after this. */
const IN_WORK_MS = 30_000;
/** A queue whose sweep ended in the middle is swept again after this. */
const LOST_MS = 60_000;

export interface Swept {
  expired: number;
  removed: number;
}

/** One sweep under way: by which time it goes, what it has done so far, and who is told of it. */
interface Sweep {
  deps: SweepDeps;
  /** ms since 1970 */
  now: number;
  swept: Swept;
  /** What the service does by itself is told like what people do. */
  tell: (queue: EmailQueue, id: string, what: 'expired' | 'erased') => void;
}

/** When a finished email has to go, by the settings of now; ms since 1970. */
const removalOf = (record: EmailRecord, settings: ResolvedSettings): number => {
  const days = record.state === 'sent' ? settings.history.days : settings.errors.days;
  return (record.finishedAt ?? record.acceptedAt) + days * DAY;
};

const expire = async (
  { deps, now, swept, tell }: Sweep,
  queue: EmailQueue,
  record: EmailRecord,
  settings: ResolvedSettings,
): Promise<void> => {
  const keepUntil = now + daysAsItEnded(settings, 'errors') * DAY;
  const refusal = await expireEmail(deps.redis, queue, record, { keepUntil, settings });
  if (refusal === 'sending') return lookAgain(deps.redis, queue, record.id, now + IN_WORK_MS);
  if (refusal !== undefined) return;
  if (record.email.contents !== undefined)
    await deps.refs.release(queue.address, record.id, contentIdsOf(record.email), deps.removeContent);
  swept.expired++;
  deps.onExpired(queue.address);
  tell(queue, record.id, 'expired');
};

const remove = async ({ deps, swept, tell }: Sweep, queue: EmailQueue, id: string): Promise<void> => {
  if ((await deps.removal.remove(queue, id)) !== undefined) return;
  swept.removed++;
  tell(queue, id, 'erased');
};

/** What waits for a person keeps what it says. */
const WAITS: readonly State[] = ['held', 'uncertain'];

/** @returns when what it says goes, where that is ahead; ms since 1970 */
const wipeWhereDue = async (
  { deps, now }: Sweep,
  queue: EmailQueue,
  record: EmailRecord,
  { contentDays }: ResolvedSettings,
): Promise<number | undefined> => {
  if (WAITS.includes(record.state)) return undefined;
  let { email } = record;
  if (email.contentWiped !== true) {
    if (contentDays === undefined) return undefined;
    const wipeAt = (record.finishedAt ?? record.acceptedAt) + contentDays * DAY;
    if (wipeAt > now) return wipeAt;
    const wiped = await wipeContent(deps.redis, queue, record);
    if (wiped === undefined) return now + IN_WORK_MS;
    email = wiped;
  }
  // Also where an earlier run ended before this.
  await deps.refs.release(queue.address, record.id, contentIdsOf(email), deps.removeContent);
  return undefined;
};

/** One email whose entry is due: the entry may be older than a correction, or than a version that kept all in one set. */
const attend = async (sweep: Sweep, queue: EmailQueue, record: EmailRecord): Promise<void> => {
  const { deps, now } = sweep;
  const { redis } = deps;
  const settings = await deps.settingsOf(queue, record.email);
  if (record.place === 'active') return lookAgain(redis, queue, record.id, now + IN_WORK_MS);
  const waitsForApproval = record.place === 'failed' && record.failure?.code === 'approval-needed';
  if (record.place === 'completed' || (record.place === 'failed' && !waitsForApproval)) {
    const removal = removalOf(record, settings);
    if (removal <= now) return remove(sweep, queue, record.id);
    const wipeAt = await wipeWhereDue(sweep, queue, record, settings);
    return keepUntil(redis, queue, record.id, Math.min(removal, wipeAt ?? removal));
  }
  const expiresAt = Date.parse(record.email.expiresAt);
  if (expiresAt > now) return (waitsForApproval ? keepUntil : lookAgain)(redis, queue, record.id, expiresAt);
  return expire(sweep, queue, record, settings);
};

const sweepSet = async (sweep: Sweep, queue: EmailQueue, set: UpkeepSet): Promise<void> => {
  const { deps, now, swept } = sweep;
  for (;;) {
    const ids = await entriesDue(deps.redis, queue, set, now, EMAILS_AT_ONCE);
    const records = await readRecords(deps.redis, queue, ids);
    for (const [index, record] of records.entries()) {
      const id = ids[index] ?? '';
      if (record !== undefined) await attend(sweep, queue, record);
      // An entry without a job: its removal was interrupted, or its add failed.
      else if (await deps.removal.resume(queue, id)) swept.removed++;
      else await dropEntry(deps.redis, queue, set, id);
    }
    if (ids.length < EMAILS_AT_ONCE) return;
  }
};

const sweepQueue = async (sweep: Sweep, queue: EmailQueue): Promise<void> => {
  const { refs, removeContent } = sweep.deps;
  await refs.releaseUploads(queue.address, removeContent);
  for (const set of UPKEEP_SETS) await sweepSet(sweep, queue, set);
};

/** @returns a function that does what is due now; repeating it does no harm */
export const createSweep = (deps: SweepDeps): (() => Promise<Swept>) => {
  const { redis, clock } = deps;
  const mailLog = createMailLog(deps.log);
  const tell: Sweep['tell'] = ({ address }, id, what) => mailLog.changed({ id, address }, { by: 'the service', what });

  return async () => {
    const swept: Swept = { expired: 0, removed: 0 };
    for (const name of await queuesDue(redis, clock.now(), QUEUES_AT_ONCE)) {
      const address = parseQueueName(name);
      if (address === undefined) {
        await dropFromUpkeep(redis, name);
        continue;
      }
      const queue = deps.queues.open(address);
      await sweepQueue({ deps, now: clock.now(), swept, tell }, queue);
      await rescheduleUpkeep(redis, name, clock.now() + LOST_MS, () => nextEntry(redis, queue));
    }
    if (swept.expired + swept.removed > 0) deps.log.info(swept, 'swept');
    return swept;
  };
};
