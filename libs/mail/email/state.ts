// The states of an email: how a state is read off what BullMQ holds, and which changes exist at all.
import type { FailureCode } from './failure';

export const STATES = [
  'scheduled',
  'queued',
  'sending',
  'deferred',
  'held',
  'uncertain',
  'sent',
  'failed',
  'expired',
  'canceled',
] as const;

export type State = (typeof STATES)[number];

/** Where BullMQ keeps the email's job. */
export type Place = 'waiting' | 'prioritized' | 'delayed' | 'active' | 'completed' | 'failed';

export interface StateEvidence {
  place: Place;
  /** The code of the failed reason; only looked at in the failed set. */
  failureCode?: FailureCode;
  /** Attempts that counted since the email was accepted or released. */
  attemptsMade: number;
  /** When it may be sent at the earliest, and until when; ms since 1970, both. */
  sendAt: number;
  expiresAt: number;
}

/** States of the error log beside `failed`; each is the code of the failed reason that it is read from. */
export const ASIDE_STATES = ['held', 'uncertain', 'expired', 'canceled'] as const satisfies readonly (State &
  FailureCode)[];

/** Codes under which an email is in one of those states, each with its state: one that waits for an approval is held. */
export const ASIDE_CODES: readonly (readonly [code: FailureCode, state: (typeof ASIDE_STATES)[number]])[] = [
  ...ASIDE_STATES.map((state) => [state, state] as const),
  ['approval-needed', 'held'],
];

/** The state of an email in the error log, by the code of its failed reason. */
export const failedState = (code: FailureCode | undefined): (typeof ASIDE_STATES)[number] | 'failed' =>
  ASIDE_CODES.find(([known]) => known === code)?.[1] ?? 'failed';

/**
 * The state of an email: a reading, never stored (docs/lifecycle.md).
 * Whatever waits is `expired` as soon as its time is over, also before the sweep has put it aside. A delayed email is
 * `deferred` after an attempt that counted, `scheduled` before its time, and else `queued`: it is due and parked for a limit
 * or a transport that is down.
 */
export const readState = (evidence: StateEvidence, now: number): State => {
  switch (evidence.place) {
    case 'completed':
      return 'sent';
    case 'failed':
      return failedState(evidence.failureCode);
    case 'active':
      return 'sending';
    case 'delayed':
      if (evidence.expiresAt <= now) return 'expired';
      if (evidence.attemptsMade > 0) return 'deferred';
      return evidence.sendAt > now ? 'scheduled' : 'queued';
    case 'waiting':
    case 'prioritized':
      return evidence.expiresAt <= now ? 'expired' : 'queued';
  }
};

/** A change of state: from a state (`new`: it was not there), by an event, to a state (`gone`: nothing of it is left). */
export type Transition = readonly [from: State | 'new', event: string, to: State | 'gone'];

/** What may happen to an email. docs/lifecycle.md draws exactly this, and the tests watch that nothing else happens. */
export const TRANSITIONS: readonly Transition[] = [
  ['new', 'accepted for later', 'scheduled'],
  ['new', 'accepted', 'queued'],
  ['new', 'accepted, needs approval', 'held'],
  ['scheduled', 'due', 'queued'],
  ['queued', 'taken by a worker', 'sending'],
  ['expired', 'taken by a worker, which ends it', 'sending'],
  ['deferred', 'due', 'queued'],
  ['queued', 'corrected for later', 'scheduled'],
  ['sending', '250', 'sent'],
  ['sending', '250, nothing of it is kept', 'gone'],
  ['sending', 'refused for good', 'failed'],
  ['sending', 'attempts used up', 'failed'],
  ['sending', 'failed for now', 'deferred'],
  ['sending', 'interrupted or throttled', 'queued'],
  ['sending', 'throttled after an attempt', 'deferred'],
  ['sending', 'outcome unknown', 'uncertain'],
  ['sending', 'outcome unknown, policy resend', 'deferred'],
  ['sending', 'too late', 'expired'],
  ['sending', 'its worker vanished', 'queued'],
  ['sending', 'took five workers down, or needs approval', 'held'],
  ['scheduled', 'hold', 'held'],
  ['scheduled', 'corrected, needs approval', 'held'],
  ['queued', 'hold', 'held'],
  ['queued', 'corrected, needs approval', 'held'],
  ['deferred', 'hold', 'held'],
  ['deferred', 'corrected, needs approval', 'held'],
  ['failed', 'corrected, needs approval', 'held'],
  ['queued', 'stopped after its worker vanished while handing it over', 'uncertain'],
  ['deferred', 'stopped after its worker vanished while handing it over', 'uncertain'],
  ['expired', 'stopped after its worker vanished while handing it over', 'uncertain'],
  ['scheduled', 'a backup was restored', 'uncertain'],
  ['queued', 'a backup was restored', 'uncertain'],
  ['deferred', 'a backup was restored', 'uncertain'],
  ['sending', 'a backup was restored', 'uncertain'],
  ['scheduled', 'cancel', 'canceled'],
  ['queued', 'cancel', 'canceled'],
  ['deferred', 'cancel', 'canceled'],
  ['held', 'cancel', 'canceled'],
  ['uncertain', 'cancel', 'canceled'],
  ['failed', 'cancel', 'canceled'],
  ['expired', 'cancel', 'canceled'],
  ['queued', 'time over', 'expired'],
  ['deferred', 'time over', 'expired'],
  ['held', 'time over while it needs approval', 'expired'],
  ['held', 'release', 'queued'],
  ['uncertain', 'release', 'queued'],
  ['failed', 'release', 'queued'],
  ['expired', 'release', 'queued'],
  ['held', 'release for later', 'scheduled'],
  ['uncertain', 'release for later', 'scheduled'],
  ['failed', 'release for later', 'scheduled'],
  ['expired', 'release for later', 'scheduled'],
  ['scheduled', 'send now', 'queued'],
  ['deferred', 'send now', 'queued'],
  ['held', 'send now', 'queued'],
  ['uncertain', 'send now', 'queued'],
  ['failed', 'send now', 'queued'],
  ['expired', 'send now', 'queued'],
  ['uncertain', 'resolve as sent', 'sent'],
  ['uncertain', 'resolve as resend', 'queued'],
  ['uncertain', 'resolve as resend, for later', 'scheduled'],
  ['uncertain', 'resolve as failed', 'failed'],
  ['scheduled', 'delete', 'gone'],
  ['queued', 'delete', 'gone'],
  ['deferred', 'delete', 'gone'],
  ['held', 'delete or kept long enough', 'gone'],
  ['uncertain', 'delete or kept long enough', 'gone'],
  ['sent', 'delete or kept long enough', 'gone'],
  ['failed', 'delete or kept long enough', 'gone'],
  ['expired', 'delete or kept long enough', 'gone'],
  ['canceled', 'delete or kept long enough', 'gone'],
];

/** What else happens where another BullMQ client works on the queue (docs/operations.md, "Other BullMQ clients"). */
export const BY_OTHER_CLIENTS: readonly Transition[] = [
  ['sent', 'put back', 'queued'],
  ['canceled', 'put back', 'queued'],
  ['sending', 'canceled before it was put back', 'canceled'],
  ['sending', 'throttled, promoted before its time', 'scheduled'],
];

/** What a person may ask for. */
export const ACTIONS = ['correct', 'hold', 'release', 'cancel', 'send-now', 'resolve', 'resend', 'delete'] as const;
export type Action = (typeof ACTIONS)[number];

const WAITING: readonly State[] = ['scheduled', 'queued', 'deferred'];
/** The error log but for what was canceled, which is for good. */
const STOPPED: readonly State[] = ['held', 'uncertain', 'failed', 'expired'];
const UNSENT: readonly State[] = [...WAITING, ...STOPPED];

/**
 * In which states what may be asked for. The transitions (libs/jobs/transitions) have the last word: an email may have
 * changed since its state was read.
 */
export const ALLOWED: Readonly<Record<Action, readonly State[]>> = {
  correct: [...UNSENT, 'canceled'],
  hold: WAITING,
  release: STOPPED,
  cancel: [...UNSENT, 'canceled'],
  'send-now': UNSENT,
  resolve: ['uncertain'],
  resend: ['sent'],
  delete: [...UNSENT, 'sent', 'canceled'],
};
