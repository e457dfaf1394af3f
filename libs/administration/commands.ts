// What a person does to an email: hold, cancel, release, resolve, erase; each checked, recorded and told to the workers.
import type { Change } from '../mail/email/outcome';
import { Problem, notFound } from '../mail/input/problem';
import { dueAt, type StoredEmail } from '../mail/email/stored-email';
import type { EmailRecord } from '../jobs/layout/email-record';
import { DUE_NOW, type Schedule } from '../jobs/layout/schedule';
import type { EmailQueue } from '../jobs/layout/queues';
import type { Refusal } from '../jobs/layout/layout';
import { withdraw } from '../jobs/transitions/withdraw';
import { releaseEmail } from '../jobs/transitions/release';
import { resolveSent } from '../jobs/transitions/resolve-sent';
import { announceUpkeep } from '../store/redis/upkeep-index';
import type { FieldChanges } from './field-diff';
import { settleOverdue, type OverdueDeps } from './overdue';
import type { Audit } from '../events/audit';
import type { Removal } from '../jobs/transitions/removal';

const DAY = 86_400_000;

export interface CommandDeps extends OverdueDeps {
  audit: Audit;
  removal: Removal;
  schedule: Schedule;
}

/** An email that a person acts on. */
export interface Subject {
  queue: EmailQueue;
  record: EmailRecord;
  /** Who acts, as the history will say. */
  by: string;
  /** The operation on many that this is part of. */
  operation?: string;
}

const REFUSALS: Record<Exclude<Refusal, 'missing'>, [code: string, text: string]> = {
  sending: ['email-sending', 'an attempt to send this email is running: wait for its end, then look again'],
  sent: ['email-finished', 'this email was sent: it cannot be changed any more, but sent again (resend)'],
  'wrong-state': ['email-state', 'in that state this cannot be done (docs/lifecycle.md draws what can)'],
  changed: ['version-mismatch', 'this email was changed by somebody else meanwhile: read it again, then decide'],
};

export const refuse = (refusal: Refusal, { id, state }: Pick<EmailRecord, 'id' | 'state'>): Problem => {
  if (refusal === 'missing') return notFound(`email ${id}`);
  const [code, text] = REFUSALS[refusal];
  return new Problem(code, refusal === 'wrong-state' ? `this email is ${state}: ${text}` : text);
};

export const insist = (refusal: Refusal | undefined, record: Pick<EmailRecord, 'id' | 'state'>): void => {
  if (refusal !== undefined) throw refuse(refusal, record);
};

/** @throws Problem `email-state` */
export const requireUncertain = ({ record }: Pick<Subject, 'record'>): void => {
  if (record.state !== 'uncertain')
    throw new Problem('email-state', `this email is ${record.state}, not uncertain: there is nothing to resolve`);
};

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

/** The subject as it is to be acted on: expired where its time is over. */
export const inTime = async (deps: OverdueDeps, subject: Subject): Promise<Subject> => ({
  ...subject,
  record: await settleOverdue(deps, subject.queue, subject.record),
});

export const createCommands = (deps: CommandDeps) => {
  const { redis, clock, audit, mailLog } = deps;

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

  const aside = async (given: Subject, code: 'held' | 'canceled', fromErrorLog: boolean): Promise<void> => {
    const subject = await inTime(deps, given);
    const { queue, record, by } = subject;
    const { errors } = await deps.tenants.settings(queue.address, record.email);
    const now = clock.now();
    const keepUntil = now + errors.days * DAY;
    await announceUpkeep(redis, queue, keepUntil);
    const refusal = await withdraw(redis, queue, record.id, {
      failure: { code, text: `by ${by}` },
      line: change(subject, code),
      now,
      keepUntil,
      fromErrorLog,
    });
    insist(refusal, record);
    await audited(subject, code);
  };

  const release = async (given: Subject, what = 'released'): Promise<void> => {
    const subject = await inTime(deps, given);
    const { queue, record } = subject;
    if (record.place === 'failed' && record.state === 'canceled')
      throw new Problem('email-state', 'this email was canceled: that is for good');
    const now = clock.now();
    const due = dueAt(record.email, now);
    const after = await renewed(deps, queue, record.email, due);
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
    hold: (subject: Subject) => aside(subject, 'held', false),
    cancel: (subject: Subject) => aside(subject, 'canceled', true),
    release,
    async resolve(subject: Subject, as: 'sent' | 'resend' | 'failed'): Promise<void> {
      requireUncertain(subject);
      if (as === 'resend') return release(subject, 'resolved as resend');
      const { queue, record, by } = subject;
      const { history, errors } = await deps.tenants.settings(queue.address, record.email);
      const now = clock.now();
      const line = change(subject, `resolved as ${as}`);
      const keepUntil = now + (as === 'sent' ? history : errors).days * DAY;
      await announceUpkeep(redis, queue, keepUntil);
      const refusal =
        as === 'sent'
          ? await resolveSent(redis, queue, record.id, line, { now, keepUntil })
          : await withdraw(redis, queue, record.id, {
              failure: { code: 'refused', text: `resolved as failed by ${by}` },
              line,
              now,
              keepUntil,
              fromErrorLog: true,
            });
      insist(refusal, record);
      await audited(subject, `resolved as ${as}`);
    },
    /** Removes every trace, unless it is being sent. */
    async erase(subject: Subject): Promise<void> {
      const { queue, record } = subject;
      insist(await deps.removal.remove(queue, record.id), record);
      await audited(subject, 'erased');
    },
  };
};

export type Commands = ReturnType<typeof createCommands>;
