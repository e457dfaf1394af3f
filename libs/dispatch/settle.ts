// The only place that ends a job: from the outcome of an attempt to BullMQ's state of it.
import { causeOf, type Cause } from '../mail/email/cause';
import { failureEvent, type EventNote } from '../mail/email/event';
import { writeFailure, type Failure, type FailureCode } from '../mail/email/failure';
import type { Attempt, LogLine, Outcome } from '../mail/email/outcome';
import { dueAt, recipientsOf } from '../mail/email/stored-email';
import { retryDelay } from '../mail/email/retry';
import { failedState } from '../mail/email/state';
import { daysAsItEnded } from '../mail/settings/retention';
import type { ResolvedSettings } from '../mail/settings/settings';
import type { Clock } from '../runtime/clock';
import { markSent, readArchive } from '../jobs/transitions/hand-over-journal';
import type { CopyDeps } from '../jobs/traces/archive-copy';
import { announceUpkeep } from '../store/redis/upkeep-index';
import { giveBack, type Lease } from '../jobs/transitions/lease';
import type { Erase } from '../jobs/layout/erase';
import { tellingOf } from '../jobs/layout/bullmq-events';
import { talliedAs, type Tally } from '../jobs/traces/tallies';
import { endEmail, type End } from '../jobs/transitions/end';
import { copyFor } from './copy-for-archive';
import { postponeEmail } from '../jobs/transitions/postpone';

const DAY = 86_400_000;

/** What became of the email after its attempt, for reports. */
export type Settled =
  | { state: 'sent' | 'failed' | 'expired' | 'canceled' | 'held' | 'uncertain'; failure?: Failure }
  | { state: 'deferred' | 'queued'; nextAt: number; failure?: Failure };

export interface Settle {
  /**
   * Ends the attempt. What it leaves behind is written with its end.
   * @param attempt the record of the attempt, or undefined where none was made: then none is counted
   * @param subject as it was rendered in this attempt
   * @throws where the lock was lost: the email is somebody else's by now
   */
  (
    lease: Lease,
    outcome: Outcome,
    settings: ResolvedSettings,
    attempt: Attempt | undefined,
    subject?: string,
  ): Promise<Settled>;
}

/** So much of a subject is kept to be found by, in characters. */
const SUBJECT_KEPT = 500;

/** What an email is found by of what only its rendering told; of one of which nothing is to stay, or that is confidential, nothing. */
const subjectToKeep = (
  { email }: Lease,
  { history, confidential }: ResolvedSettings,
  subject: string | undefined,
): string | undefined =>
  email.template === undefined || !history.keep || confidential ? undefined : subject?.slice(0, SUBJECT_KEPT);

/** No attempt is left: what is not known stays so, and who has the email is not forgotten. */
const exhausted = (outcome: Extract<Outcome, { kind: 'deferred' | 'uncertain' }>, made: number): Failure => {
  if (outcome.kind === 'uncertain') return { code: 'uncertain', text: outcome.text };
  const attempts = made === 1 ? 'the only attempt' : `the last of ${made} attempts`;
  const partly = (outcome.recipients?.accepted.length ?? 0) > 0;
  return { code: partly ? 'partly-sent' : 'attempts-exhausted', text: `${attempts} failed: ${outcome.text}` };
};

/** What others may have failed for, too. */
const causeIn = ({ email }: Lease, failure: Failure, outcome: Outcome, settings: ResolvedSettings): Cause | undefined =>
  causeOf(failure, {
    replies: 'replies' in outcome ? outcome.replies : [],
    transport: settings.transport,
    template: email.template?.name,
    recipients: recipientsOf(email).map(({ address }) => address),
  });

/** What whoever listens is told of an attempt: nothing of an email that was sent or erased before and has come back. */
const noteOf = (
  lease: Lease,
  what: Pick<EventNote, 'type' | 'state' | 'code' | 'reply'>,
  at: number,
  line: LogLine | undefined,
): EventNote => ({
  at,
  id: lease.id,
  ...what,
  ...(line?.kind === 'attempt' && { attempt: line.number }),
});

/** What statistics count of one that was sent: one that was released was due at a time that is not known any more. */
const sentTally = ({ email, acceptedAt, marked }: Lease, transport: string, at: number): Tally => ({
  what: 'sent',
  transport,
  latency: marked ? undefined : Math.max(0, Math.round(at - dueAt(email, acceptedAt))),
});

/** What whoever listens is told of an email that is not tried again. */
const failureNote = (
  { lease, line }: Pick<Settlement, 'lease' | 'line'>,
  code: FailureCode,
  now: number,
  reply?: string,
) => noteOf(lease, { type: failureEvent(code), state: failedState(code), code, reply }, now, line);

/** How long the error log keeps it: one that waits for an approval until its time is over. Days. */
const daysKept = ({ email }: Lease, code: FailureCode, settings: ResolvedSettings, now: number): number =>
  code === 'approval-needed' ? (Date.parse(email.expiresAt) - now) / DAY : daysAsItEnded(settings, 'errors');

interface EndingDeps extends CopyDeps {
  clock: Clock;
  erase: Erase;
}

/** An attempt that is over, and what it leaves behind. */
interface Settlement {
  lease: Lease;
  outcome: Outcome;
  settings: ResolvedSettings;
  line: LogLine | undefined;
  /** What it was rendered with. */
  subject: string | undefined;
}

/** The two ways in which an email is over: it was sent, or it is not tried again. */
const createEndings = (deps: EndingDeps) => {
  const { redis, clock, erase } = deps;
  /** Ends an email of which something is kept for so many days. */
  const end = async (lease: Lease, days: number, how: Omit<End, 'removeAt'>): Promise<void> => {
    const removeAt = clock.now() + days * DAY;
    // Sent before the end over the same connection, which keeps the order. A full Redis may refuse it: the sweep was told of
    // its expiry when it was accepted, and sees then what is due.
    const isEarlier = removeAt < Date.parse(lease.email.expiresAt);
    const announced = isEarlier ? announceUpkeep(redis, lease.queue, removeAt).catch(() => undefined) : undefined;
    await endEmail(redis, lease, { ...how, removeAt });
    await announced;
  };

  const complete = async (settlement: Settlement): Promise<Settled> => {
    const { lease, outcome, settings, line, subject } = settlement;
    const now = clock.now();
    const telling = tellingOf(lease.queue, settings);
    // One that was sent or erased before, and has come back, has no line.
    const traces = line && {
      event: noteOf(lease, { type: 'email.sent', state: 'sent' }, now, line),
      tally: sentTally(lease, settings.transport, now),
    };
    const sent = { place: 'completed', result: '""', telling, ...traces } as const;
    if (settings.history.keep) {
      const mark = { at: now, replies: 'replies' in outcome ? outcome.replies : [] };
      try {
        const copy = await copyFor(deps, settlement, now);
        const kept = { ...sent, ...copy, now: clock.now(), line, subject, sent: mark };
        await end(lease, daysAsItEnded(settings, 'history'), kept);
      } catch (error) {
        // Whatever went wrong: whoever has the email next must know that it was sent.
        await markSent(redis, lease.queue, lease.id, mark);
        throw error;
      }
    } else {
      const copy = await copyFor(deps, settlement, now);
      const archive = await readArchive(redis, lease.queue, lease.id);
      await erase(lease.queue, lease.id, lease.email, archive);
      await endEmail(redis, lease, { ...sent, ...copy, now: clock.now() });
    }
    return { state: 'sent' };
  };

  const fail = async (settlement: Settlement, failure: Failure): Promise<Settled> => {
    const { lease, outcome, settings, line, subject } = settlement;
    // Without a line of an attempt none was made: why it ended is a change of the email, as where the sweep ends it.
    const now = clock.now();
    const change = { kind: 'change', at: new Date(now).toISOString(), by: 'the service', what: failure.code } as const;
    const { code } = failure;
    const cause = causeIn(lease, failure, outcome, settings);
    const what = talliedAs(failedState(code));
    const expiredAt = code === 'expired' ? Date.parse(lease.email.expiresAt) : now;
    await end(lease, daysKept(lease, code, settings, now), {
      place: 'failed',
      result: writeFailure(failure),
      now: Math.min(now, expiredAt),
      line: line ?? change,
      untried: line === undefined,
      subject,
      cause,
      tally: what && { what, transport: settings.transport },
      event: failureNote(settlement, code, now, cause?.reply),
      telling: tellingOf(lease.queue, settings),
    });
    return { state: failedState(failure.code), failure };
  };

  return { complete, fail };
};

/** @param deps.leastBackoff ms between two attempts, at least; none where it is not given */
export const createSettle = (deps: EndingDeps & { random: () => number; leastBackoff?: number }): Settle => {
  const { redis, clock } = deps;
  const { complete, fail } = createEndings(deps);

  /** Tried again after an attempt that counted. */
  const defer = async (settlement: Settlement, nextAt: number, failure: Failure): Promise<Settled> => {
    const { lease, outcome, settings, line } = settlement;
    const now = clock.now();
    const cause = causeIn(lease, failure, outcome, settings);
    const told = { type: 'email.deferred', state: 'deferred', code: failure.code, reply: cause?.reply } as const;
    const event = line && noteOf(lease, told, now, line);
    const tally = { what: 'deferred', transport: settings.transport } as const;
    await postponeEmail(redis, lease, { now, nextAt, because: failure, line, cause, event, tally });
    return { state: 'deferred', nextAt, failure };
  };

  /** Put back without an attempt. */
  const park = async (lease: Lease, nextAt: number, because: string): Promise<Settled> => {
    await postponeEmail(redis, lease, { now: clock.now(), nextAt, because });
    return { state: 'queued', nextAt };
  };

  /** One more attempt where there is one left. */
  const again = (settlement: Settlement, outcome: Extract<Outcome, { kind: 'deferred' | 'uncertain' }>) => {
    const { lease, settings } = settlement;
    const made = lease.attemptsMade + 1;
    if (made >= settings.attempts) return fail(settlement, exhausted(outcome, made));
    const wish = outcome.kind === 'deferred' ? outcome.retryAfter : undefined;
    const delay = retryDelay(settings.backoff, made, deps.random(), wish, deps.leastBackoff);
    return defer(settlement, clock.now() + delay, { code: 'refused', text: outcome.text });
  };

  return async (lease, outcome, settings, attempt, rendered) => {
    const subject = subjectToKeep(lease, settings, rendered);
    const settlement = { lease, outcome, settings, line: attempt && { kind: 'attempt' as const, ...attempt }, subject };
    switch (outcome.kind) {
      case 'sent':
        return complete(settlement);
      case 'refused':
        return fail(settlement, { code: outcome.code, text: outcome.text });
      case 'expired':
      case 'canceled':
        return fail(settlement, { code: outcome.kind, text: outcome.text });
      case 'deferred':
        return again(settlement, outcome);
      case 'uncertain':
        if (settings.onUncertain === 'hold') return fail(settlement, { code: 'uncertain', text: outcome.text });
        return again(settlement, outcome);
      case 'throttled':
        return park(lease, outcome.until, outcome.text);
      case 'interrupted':
        await giveBack(lease);
        return { state: 'queued', nextAt: clock.now() };
    }
  };
};
