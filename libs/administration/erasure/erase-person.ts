// Erases every trace of one person over all queues of a tenant; each step may be repeated, and what is left over is tried again.
import { ContentStoreFull } from '../../content/store-fault';
import { countInAudit, redactAudit } from '../../events/redact-audit';
import type { MailLog } from '../../events/mail-log';
import { takeOverIndex } from '../../jobs/layout/index-entries';
import { idTime } from '../../jobs/layout/email-id';
import type { EmailQueue, Queues } from '../../jobs/layout/queues';
import type { ArchiveCopy } from '../../jobs/traces/archive-copy';
import { waitingCopies } from '../../jobs/traces/archive-copies';
import { byAddress } from '../../jobs/read/by-address';
import { searchForm } from '../../mail/address/recipient-pattern';
import { createPersonWords, type PersonWords } from '../../mail/erasure/person-words';
import type { SecretBox } from '../../store/redis/secret-box';
import type { Tenants } from '../../store/registries/tenants';
import { hashOfPerson, type ErasureMarks } from '../../store/suppressions/erasure-marks';
import type { ErasedSuppressions } from '../../store/suppressions/erased';
import { eraseEmail, type EraseEmailDeps } from './erase-email';
import { openRecipient, type ErasureOrder, type ErasureProgress } from './erasure-order';

export interface ErasePersonDeps extends EraseEmailDeps {
  tenants: Pick<Tenants, 'queues'>;
  queues: Queues;
  secrets: SecretBox;
  erasedSuppressions: Pick<ErasedSuppressions, 'conceal'>;
  operations: {
    forget(
      tenant: string,
      words: PersonWords,
      dryRun: boolean,
      before: number,
    ): Promise<{ over: number; underWay: number }>;
  };
  mailLog: Pick<MailLog, 'changed'>;
  /** Remembers that it was done, for whoever puts a backup back. */
  marks: Pick<ErasureMarks, 'keep'>;
}

const PAGE = 100;

/** What is under way ends by itself: the erasure is tried again then. */
export class StillUnderWay extends Error {
  override name = 'StillUnderWay';
  constructor(left: number) {
    super(
      `${left} emails to this recipient were still being sent or waited for an archive, or operations that name it were under way: erase once more`,
    );
  }
}

/** One run. */
interface Run {
  deps: ErasePersonDeps;
  order: ErasureOrder;
  recipient: string;
  words: PersonWords;
  /** What is of later stays, ms since 1970. */
  before: number;
  progress: ErasureProgress;
  /** Counts, and keeps the count. */
  count(this: void, kind: keyof ErasureProgress, more?: number): Promise<void>;
}

const eraseInQueue = async (run: Run, queue: EmailQueue, archives: boolean): Promise<void> => {
  const { deps, order, recipient, words, before } = run;
  await takeOverIndex(deps.redis, queue.keys);
  const who = { words, dryRun: order.dryRun, by: order.by, operation: order.id, before, archives };
  const found = byAddress(deps.redis, queue.keys.byAddress, searchForm(recipient));
  for (let after: string | undefined, more = true; more; more = after !== undefined) {
    const { entries, next } = await found(after, PAGE);
    for (const { id } of entries) {
      const fate = await eraseEmail(deps, queue, id, who);
      if (fate === 'gone') continue;
      await run.count(fate);
      if (fate === 'left' || order.dryRun) continue;
      const what = fate === 'emails' ? 'erased with a person' : 'a recipient erased';
      deps.mailLog.changed({ id, address: queue.address }, { by: order.by, what });
    }
    after = next;
  }
  await countCopies(run, queue);
};

/** What a server has taken belongs to the archive, which may have to have it by law: it is handed over first, and is gone then. */
const countCopies = async ({ deps, words, count, before }: Run, queue: EmailQueue): Promise<void> => {
  const names = ({ email, to, cc = [], bcc = [] }: ArchiveCopy): boolean =>
    idTime(email) <= before && [...to, ...cc, ...bcc].some(words.is);
  for await (const copies of waitingCopies(deps.redis, queue)) await count('left', copies.filter(names).length);
};

/** What is kept of the person beside the emails. Events and deliveries of webhooks hold no address. */
const eraseBeside = async (run: Run): Promise<void> => {
  const { deps, order, recipient, words, before } = run;
  const { tenant, dryRun } = order;
  if (await deps.erasedSuppressions.conceal(tenant, recipient, dryRun, before)) await run.count('suppressions');
  const { over, underWay } = await deps.operations.forget(tenant, words, dryRun, before);
  await run.count('operations', over);
  await run.count('left', underWay);
  const person = { tenant, words, before };
  const entries = dryRun ? await countInAudit(deps.redis, person) : await redactAudit(deps.redis, person, order.id);
  await run.count('auditEntries', entries);
};

/**
 * Remembers it before anything goes: whoever puts a backup back in the middle must know of it. One that is made again is remembered already.
 * @returns what is to be called before its end
 */
const keepMark = async (
  deps: ErasePersonDeps,
  order: ErasureOrder,
  recipient: string,
): Promise<() => Promise<void>> => {
  const { id, tenant, dryRun, before } = order;
  if (dryRun || before !== undefined) return () => Promise.resolve();
  const at = new Date(deps.clock.now()).toISOString();
  const mark = { id, tenant, at, hash: hashOfPerson(deps.secrets, tenant, recipient) };
  try {
    await deps.marks.keep(mark);
    return () => Promise.resolve();
  } catch (error) {
    // What is erased may make room for it.
    if (!(error instanceof ContentStoreFull)) throw error;
    return () => deps.marks.keep(mark);
  }
};

/**
 * @param progress what an earlier run has counted: one that erases adds to it, and finds no more of what went. A crash may leave the
 * last one out of the count.
 * @param save keeps the progress; rejects where another replica goes on
 * @throws StillUnderWay, whatever a step throws: the operation is tried again
 */
export const erasePerson = async (
  deps: ErasePersonDeps,
  order: ErasureOrder,
  progress: ErasureProgress,
  save: (progress: ErasureProgress) => Promise<void>,
): Promise<void> => {
  const recipient = openRecipient(deps.secrets, order);
  if (recipient === undefined) return;
  const none = Object.fromEntries(Object.keys(progress).map((kind) => [kind, 0])) as unknown as ErasureProgress;
  const run: Run = {
    deps,
    order,
    recipient,
    words: createPersonWords(recipient),
    before: order.before ?? Infinity,
    progress: order.dryRun ? none : { ...progress, left: 0 },
    async count(kind, more = 1) {
      if (more === 0) return;
      run.progress[kind] += more;
      // One that changes nothing begins anew after a crash.
      if (!order.dryRun) await save(run.progress);
    },
  };
  const markKept = await keepMark(deps, order, recipient);
  for (const { application, settings } of await deps.tenants.queues(order.tenant))
    await eraseInQueue(run, deps.queues.open({ tenant: order.tenant, application }), settings.archiveTo !== undefined);
  await eraseBeside(run);
  await save(run.progress);
  await markKept();
  if (run.progress.left > 0 && !order.dryRun) throw new StillUnderWay(run.progress.left);
};
