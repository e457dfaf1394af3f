// What a person does to an email: hold, cancel, release, resolve, erase; each checked, recorded and told to the workers.
import { causeOf } from '../mail/email/cause';
import type { Failure } from '../mail/email/failure';
import type { Change } from '../mail/email/outcome';
import { contentIdsOf, dueAt, type StoredEmail } from '../mail/email/stored-email';
import type { EmailRecord } from '../jobs/layout/email-record';
import { DUE_NOW, type Schedule } from '../jobs/layout/schedule';
import type { EmailQueue } from '../jobs/layout/queues';
import { tellingOf } from '../jobs/layout/bullmq-events';
import { withdraw } from '../jobs/transitions/withdraw';
import { releaseEmail } from '../jobs/transitions/release';
import { copyArgument, reachedLast } from '../jobs/traces/archive-copy';
import { readMarks } from '../jobs/transitions/hand-over-journal';
import { resolveSent } from '../jobs/transitions/resolve-sent';
import { announceUpkeep } from '../store/redis/upkeep-index';
import { requireApprover } from './approval/approver';
import { daysAsItEnded } from '../mail/settings/retention';
import type { ResolvedSettings } from '../mail/settings/settings';
import type { Hand } from '../mail/settings/api-key';
import { insist, requireAllowed } from './allowed-by-state';
import type { FieldChanges } from '../events/field-diff';
import { settleOverdue, type OverdueDeps } from './overdue';
import type { Audit } from '../events/audit';
import type { ContentStore } from '../content/store';
import type { ContentRefs } from '../store/contents/content-refs';
import type { RemoveEmail } from '../jobs/transitions/remove-email';

const DAY = 86_400_000;

export interface CommandDeps extends OverdueDeps {
  audit: Audit;
  removal: RemoveEmail;
  schedule: Schedule;
  refs: ContentRefs;
  content: Pick<ContentStore, 'remove'>;
}

/** An email that a person acts on. */
export interface Subject {
  queue: EmailQueue;
  record: EmailRecord;
  /** Who acts, as the history will say. */
  by: string;
  /** Whose hand it is, for approvals; nobody's where the service acts by itself. */
  hand?: Hand;
  /** The operation on many that this is part of. */
  operation?: string;
}

/** The email with a new life: a fixed time of expiry stays while it is ahead, a span counts anew. */
const renewed = async (
  { tenants }: Pick<CommandDeps, 'tenants'>,
  queue: EmailQueue,
  email: StoredEmail,
  due: number,
): Promise<StoredEmail> => {
  const { expiresAfter } = await tenants.settings(queue.address, email);
  const keeps = email.fixedExpiry === true && Date.parse(email.expiresAt) > due;
  return {
    ...email,
    rev: email.rev + 1,
    expiresAt: keeps ? email.expiresAt : new Date(due + expiresAfter).toISOString(),
  };
};

const approved = (email: StoredEmail, { by }: Subject, now: number): StoredEmail => ({
  ...email,
  needsApproval: { involved: [], ...email.needsApproval, approved: { by, at: new Date(now).toISOString() } },
});

/** The subject as it is to be acted on: expired where its time is over. */
export const inTime = async (deps: OverdueDeps, subject: Subject): Promise<Subject> => ({
  ...subject,
  record: await settleOverdue(deps, subject.queue, subject.record),
});

/** What an action leaves behind: a line of the email's history, and a record of the audit. */
const createTraces = ({ clock, audit, mailLog }: Pick<CommandDeps, 'clock' | 'audit' | 'mailLog'>) => {
  const change = ({ by, operation }: Subject, what: string, fields?: FieldChanges): { kind: 'change' } & Change => ({
    kind: 'change',
    at: new Date(clock.now()).toISOString(),
    by,
    what,
    ...(operation !== undefined && { operation }),
    ...(fields && { fields }),
  });

  const audited = ({ queue, record, by }: Subject, what: string, fields?: FieldChanges): Promise<void> => {
    const { address } = queue;
    mailLog.changed({ id: record.id, address }, { by, what, ...(fields && { fields: Object.keys(fields) }) });
    return audit.record({ by, what: `email ${what}`, ...address, target: record.id, ...(fields && { fields }) });
  };

  return { change, audited };
};

/** What a confidential email says is wiped when it ends; its contents, which nobody can read any more, go at once. */
const dropContents = async (
  { refs, content }: Pick<CommandDeps, 'refs' | 'content'>,
  { queue, record: { id, email } }: Subject,
): Promise<void> => {
  // What cannot be removed now goes with the email.
  if (email.contents !== undefined)
    await refs.release(queue.address, id, contentIdsOf(email), content.remove).catch(() => undefined);
};

const resolvedAsFailed = (by: string): Failure => ({ code: 'refused', text: `resolved as failed by ${by}` });

/** What the archive is to get of an email that a person takes for sent. @param now ms since 1970 */
const copyOfResolved = async (
  deps: CommandDeps,
  { queue, record: { id, email, archive: message } }: Subject,
  settings: ResolvedSettings,
  now: number,
): Promise<string> => {
  if (message === undefined || settings.archiveTo === undefined) return '';
  const { done, unknown } = await readMarks(deps.redis, queue, id);
  return copyArgument(deps, queue, {
    id,
    email,
    message,
    settings,
    at: now,
    accepted: reachedLast(email, done, unknown),
  });
};

/** How a person ends what is uncertain. @param release sends it again */
const createResolve = (deps: CommandDeps, release: (subject: Subject, what: string) => Promise<void>) => {
  const { redis, clock } = deps;
  const { change, audited } = createTraces(deps);
  return async (subject: Subject, as: 'sent' | 'resend' | 'failed'): Promise<void> => {
    requireAllowed('resolve', subject.record);
    if (as === 'resend') return release(subject, 'resolved as resend');
    const { queue, record, by } = subject;
    const settings = await deps.tenants.settings(queue.address, record.email);
    const telling = tellingOf(queue, settings);
    const now = clock.now();
    const line = change(subject, `resolved as ${as}`);
    const keepUntil = now + daysAsItEnded(settings, as === 'sent' ? 'history' : 'errors') * DAY;
    await announceUpkeep(redis, queue, keepUntil);
    const copy = as === 'sent' ? await copyOfResolved(deps, subject, settings, now) : '';
    const { transport } = settings;
    const refusal =
      as === 'sent'
        ? await resolveSent(redis, queue, record.id, line, { now, keepUntil, telling, transport, copy })
        : await withdraw(redis, queue, record.id, {
            failure: resolvedAsFailed(by),
            cause: causeOf(resolvedAsFailed(by), { transport: settings.transport }),
            line,
            now,
            keepUntil,
            from: 'uncertain',
            transport: settings.transport,
            telling,
          });
    insist(refusal, record);
    await dropContents(deps, subject);
    await audited(subject, `resolved as ${as}`);
  };
};

export const createCommands = (deps: CommandDeps) => {
  const { redis, clock } = deps;
  const { change, audited } = createTraces(deps);

  const aside = async (given: Subject, action: 'hold' | 'cancel'): Promise<void> => {
    const subject = await inTime(deps, given);
    const { queue, record, by } = subject;
    requireAllowed(action, record);
    const code = action === 'hold' ? 'held' : 'canceled';
    const settings = await deps.tenants.settings(queue.address, record.email);
    const now = clock.now();
    const keepUntil = now + daysAsItEnded(settings, 'errors') * DAY;
    await announceUpkeep(redis, queue, keepUntil);
    const refusal = await withdraw(redis, queue, record.id, {
      failure: { code, text: `by ${by}` },
      line: change(subject, code),
      now,
      keepUntil,
      from: action === 'hold' ? 'send-queue' : 'anywhere',
      transport: settings.transport,
      telling: tellingOf(queue, settings),
    });
    insist(refusal, record);
    if (code === 'canceled') await dropContents(deps, subject);
    await audited(subject, code);
  };

  const release = async (given: Subject, asked = 'released'): Promise<void> => {
    const subject = await inTime(deps, given);
    const { queue, record } = subject;
    requireAllowed('release', record);
    const what = requireApprover(subject) ? 'approved' : asked;
    const now = clock.now();
    const due = dueAt(record.email, now);
    const fresh = await renewed(deps, queue, record.email, due);
    const after = what === 'approved' ? approved(fresh, subject, now) : fresh;
    await announceUpkeep(redis, queue, Date.parse(after.expiresAt));
    const refusal = await releaseEmail(redis, queue, record.id, {
      before: record.email,
      after,
      line: change(subject, what),
      now,
      due,
    });
    insist(refusal, record);
    await deps.schedule.announce(queue.name, due > now ? due : DUE_NOW, Date.parse(after.expiresAt));
    await audited(subject, what);
  };

  return {
    change,
    audited,
    hold: (subject: Subject) => aside(subject, 'hold'),
    cancel: (subject: Subject) => aside(subject, 'cancel'),
    release,
    resolve: createResolve(deps, release),
    /** Removes every trace, unless it is being sent. */
    async erase(subject: Subject): Promise<void> {
      const { queue, record } = subject;
      insist(await deps.removal.remove(queue, record.id), record);
      await audited(subject, 'erased');
    },
  };
};

export type Commands = ReturnType<typeof createCommands>;
