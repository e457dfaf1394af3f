// One action on all emails of a filter, queue by queue, in pages, each email by itself; continued where it stopped.
import { Problem } from '../../mail/input/problem';
import { readRecords, type EmailRecord } from '../../jobs/layout/email-record';
import { isInState } from '../../jobs/read/email-filter';
import { listEmails } from '../../jobs/read/list';
import type { Noted, Progress } from './bulk-progress';
import type { EmailQueue, Queues } from '../../jobs/layout/queues';
import { actOn, correctionOf, doneBefore, Skip, tryOn, type BulkDeps } from './bulk-act';
import type { BulkOperation } from './bulk-operation';
import { createMergeWatch, readReplacement } from './bulk-replace';
import type { Commands, Subject } from '../commands';
import { contentProblem } from '../../content/content-problem';
import { redisProblem } from '../../store/redis/redis-problem';

const PAGE = 100;
const ERRORS_KEPT = 20;
const EXAMPLES_KEPT = 5;

const noted = (kept: Noted[], { queue, record }: Subject, code: string, detail: string): Noted[] =>
  kept.length < ERRORS_KEPT ? [...kept, { id: record.id, application: queue.address.application, code, detail }] : kept;

type Counted = Partial<Pick<Progress, 'done' | 'skipped' | 'failed' | 'errors' | 'skips' | 'examples'>>;
type One = (subject: Subject, progress: Progress, before: 'nothing' | 'corrected') => Promise<Counted>;

/** No email is at fault: the operation is tried again from what was saved. */
const WAITS = new Set(['unavailable', 'queue-full', 'storage-full']);

/** What of a fault is this email's alone. @throws what holds up the operation: it is tried again from what was saved */
const ofEmail = (error: unknown): Problem => {
  const problem = error instanceof Problem ? error : (contentProblem(error) ?? redisProblem(error));
  if (problem === undefined || WAITS.has(problem.code)) throw error;
  return problem;
};

/** Acts on one email, or tries to, and says what came of it. */
const createOne = (deps: BulkDeps, commands: Commands, order: BulkOperation): One => {
  const replacement = order.replace && readReplacement(order.replace);
  const watch = createMergeWatch();
  return async (subject, progress, before) => {
    try {
      const patch = before === 'corrected' ? undefined : correctionOf(order, subject.record.email, replacement, watch);
      if (!order.dryRun) {
        await actOn(deps, commands, subject, order, patch);
        return { done: progress.done + 1 };
      }
      const sides = await tryOn(deps, subject, order, patch);
      const { id } = subject.record;
      const example = { id, application: subject.queue.address.application, ...sides };
      const examples = [...progress.examples, example].slice(0, EXAMPLES_KEPT);
      return { done: progress.done + 1, examples };
    } catch (error) {
      if (error instanceof Skip)
        return { skipped: progress.skipped + 1, skips: noted(progress.skips, subject, error.code, error.message) };
      const { code, message } = ofEmail(error);
      return { failed: progress.failed + 1, errors: noted(progress.errors, subject, code, message) };
    }
  };
};

/** The progress after an email; one that has no line of this operation in its history is remembered until the page is over. */
const after = (progress: Progress, id: string, counted: Counted): Progress => {
  const passed = 'done' in counted ? progress.passed : [...progress.passed, id];
  return { ...progress, ...counted, passed, current: undefined };
};

/** The steps of a run: each takes the progress so far and gives it after one email. */
const createSteps = (
  deps: BulkDeps,
  commands: Commands,
  order: BulkOperation,
  save: (progress: Progress) => Promise<void>,
) => {
  const one = createOne(deps, commands, order);
  const who = { by: order.by, ...(order.hand && { hand: order.hand }) };
  const present = async (queue: EmailQueue, id: string): Promise<Subject | undefined> => {
    const [record] = await readRecords(deps.redis, queue, [id]);
    return record && { queue, record, ...who, operation: order.id };
  };

  const isStillAsked = (subject: Subject | undefined): boolean =>
    subject !== undefined && isInState(order.filter.state, subject.record.state);

  return {
    /** Finds out what became of the email that was in work when an earlier run stopped, and does the rest. */
    async finish(now: Progress, queue: EmailQueue, id: string): Promise<Progress> {
      const subject = await present(queue, id);
      const before = subject === undefined ? 'gone' : await doneBefore(deps, subject, order);
      if (before === 'all' || (before === 'gone' && order.action === 'delete'))
        return after(now, id, { done: now.done + 1 });
      const isOver = before === 'nothing' && !isStillAsked(subject);
      if (before === 'gone' || subject === undefined || isOver) return after(now, id, { skipped: now.skipped + 1 });
      return after(now, id, await one(subject, now, before));
    },
    /** What the page says of an email may be over by now: it is looked at once more before anything is done to it. */
    async next(now: Progress, queue: EmailQueue, listed: EmailRecord, resumed: boolean): Promise<Progress> {
      const { id } = listed;
      const subject = order.dryRun ? { queue, record: listed, ...who } : await present(queue, id);
      if (subject === undefined || !isStillAsked(subject) || now.passed.includes(id)) return now;
      if (resumed && (await doneBefore(deps, subject, order)) === 'all') return now;
      const begun = { ...now, matched: now.matched + 1, current: id };
      if (!order.dryRun) await save(begun);
      return after(begun, id, await one(subject, begun, 'nothing'));
    },
  };
};

/**
 * @param progress where an earlier run stopped. What was done to each email stands in its history, so that whoever goes on
 * does nothing twice; a run that changes nothing begins anew.
 * @param save keeps the progress; rejects where another replica goes on
 */
export const runBulk = async (
  deps: BulkDeps & { queues: Queues },
  commands: Commands,
  order: BulkOperation,
  progress: Progress,
  save: (progress: Progress) => Promise<void>,
): Promise<void> => {
  const { tenant, application } = order.address;
  const applications = application === undefined ? (order.applications ?? []) : [application];
  const steps = createSteps(deps, commands, order, save);
  let now = progress;
  let resumed = now.current !== undefined;
  for (; now.queues < applications.length; now = { ...now, queues: now.queues + 1 }) {
    const queue = deps.queues.open({ tenant, application: applications[now.queues] ?? '' });
    if (now.current !== undefined) now = await steps.finish(now, queue, now.current);
    for (let more = true; more;) {
      const at = { limit: PAGE, cursor: now.cursor, now: deps.clock.now() };
      const { emails, cursor } = await listEmails(deps, queue, order.filter, at);
      for (const record of emails) now = await steps.next(now, queue, record, resumed);
      resumed = false;
      more = cursor !== undefined;
      now = { ...now, passed: [], cursor };
      if (!order.dryRun && more) await save(now);
    }
  }
  await save(now);
};
