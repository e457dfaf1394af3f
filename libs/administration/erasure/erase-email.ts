// One email of a person who is erased: it goes whole where it is the person's alone, else the person goes out of it.
import type { ContentStore } from '../../content/store';
import { ContentMissing } from '../../content/store-fault';
import { leaveIndex } from '../../jobs/layout/index-entries';
import { readRecords, type EmailRecord } from '../../jobs/layout/email-record';
import type { EmailQueue } from '../../jobs/layout/queues';
import { forgetRecipient, withoutRecipient } from '../../jobs/retention/forget-recipient';
import type { RemoveEmail } from '../../jobs/transitions/remove-email';
import type { PersonWords } from '../../mail/erasure/person-words';
import { contentIdsOf, LARGE_PARTS, recipientsOf, type StoredEmail } from '../../mail/email/stored-email';
import { jsonOrText } from '../../mail/json/json-or-text';
import type { Clock } from '../../runtime/clock';
import type { ContentRefs } from '../../store/contents/content-refs';
import type { Redis } from '../../store/redis/redis';

export interface EraseEmailDeps {
  redis: Redis;
  clock: Clock;
  removal: RemoveEmail;
  refs: ContentRefs;
  content: Pick<ContentStore, 'readAll' | 'remove'>;
}

/** What becomes of an email; `left`: it is being sent, or may be for an archive; `gone`: it is not there, or no longer theirs. */
export type Fate = 'emails' | 'recipients' | 'left' | 'gone';

/** It is not sent any more, unless somebody sends it again: it can do without what it says. */
const hasEnded = ({ place, state }: EmailRecord): boolean =>
  place === 'completed' || (place === 'failed' && state !== 'held' && state !== 'uncertain');

/**
 * Does what the others are to get name the person? Of a complete message, and of what is sealed, it is taken for granted: nobody
 * looks into them.
 */
const saysPerson = async (
  { content }: Pick<EraseEmailDeps, 'content'>,
  email: StoredEmail,
  words: PersonWords,
): Promise<boolean> => {
  if (email.raw !== undefined || email.sealed !== undefined) return true;
  if (words.areIn(withoutRecipient(email, words))) return true;
  try {
    for (const part of LARGE_PARTS) {
      const kept = email.stored?.[part];
      if (kept !== undefined && words.areIn(jsonOrText((await content.readAll(kept.contentId)).toString('utf8'))))
        return true;
    }
  } catch (error) {
    // What is lost cannot be sent to the others either.
    if (error instanceof ContentMissing) return true;
    throw error;
  }
  return false;
};

/** Is it, or was it before a correction, an email to the person? */
const isTheirs = ({ email }: EmailRecord, { is }: PersonWords): boolean =>
  [...recipientsOf(email).map(({ address }) => address), ...(email.formerly ?? [])].some(is);

/** What is to be done to an email. */
const fateOf = async (deps: EraseEmailDeps, record: EmailRecord, { words, archives }: Erasing): Promise<Fate> => {
  if (!isTheirs(record, words)) return 'gone';
  if (record.place === 'active') return 'left';
  if (recipientsOf(withoutRecipient(record.email, words)).length === 0) return 'emails';
  // The archive gets it where a person resolves it as sent, and must get what a server took.
  if (archives && record.state === 'uncertain' && record.archive !== undefined) return 'left';
  return hasEnded(record) || !(await saysPerson(deps, record.email, words)) ? 'recipients' : 'emails';
};

export interface Erasing {
  words: PersonWords;
  dryRun: boolean;
  /** Who asked for it, and the operation, as histories will say. */
  by: string;
  operation: string;
  /** What was accepted later stays, ms since 1970. */
  before: number;
  /** Has the queue an archive (`archiveTo`)? */
  archives: boolean;
}

/** Tries again where somebody changes the email at the same moment. */
const TRIES = 5;

/**
 * @param id found in the index by address. One whose removal somebody has begun is left to them, or to the sweep
 * @returns what became of it, or would where `dryRun`
 */
export const eraseEmail = async (
  deps: EraseEmailDeps,
  queue: EmailQueue,
  id: string,
  erasing: Erasing,
): Promise<Fate> => {
  const { words, dryRun, by, operation, before } = erasing;
  const { redis, clock, removal, refs, content } = deps;
  for (let tries = 0; tries < TRIES; tries++) {
    const [record] = await readRecords(redis, queue, [id]);
    if (record === undefined)
      return dryRun || (await leaveIndex(redis, queue.keys, id, words.address)) ? 'gone' : 'left';
    if (record.acceptedAt > before) return 'gone';
    const fate = await fateOf(deps, record, erasing);
    if (dryRun || fate === 'left' || fate === 'gone') return fate;
    if (fate === 'emails') {
      const refusal = await removal.remove(queue, id);
      if (refusal === undefined) return fate;
      return refusal === 'missing' ? 'gone' : 'left';
    }
    const line = {
      kind: 'change',
      at: new Date(clock.now()).toISOString(),
      by,
      what: 'a recipient erased',
      operation,
    } as const;
    const wipes = hasEnded(record);
    const answer = await forgetRecipient(redis, queue, record, words, { wipes, line });
    if ('after' in answer) {
      // What a crash leaves here goes with the email, or with its upkeep.
      const archived = answer.archive === undefined ? [] : [answer.archive.contentId];
      const released = wipes ? [...contentIdsOf(record.email), ...archived] : archived;
      await refs.release(queue.address, id, released, content.remove);
      return fate;
    }
    if (answer.refusal === 'missing') return 'gone';
    if (answer.refusal === 'sending') return 'left';
  }
  return 'left';
};
