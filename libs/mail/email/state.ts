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

const OF_FAILURE: Partial<Record<FailureCode, State>> = {
  held: 'held',
  uncertain: 'uncertain',
  expired: 'expired',
  canceled: 'canceled',
};

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
      return (evidence.failureCode && OF_FAILURE[evidence.failureCode]) ?? 'failed';
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

/** What may happen to an email: from a state, by an event, to a state. docs/lifecycle.md draws exactly this. */
export const TRANSITIONS: readonly (readonly [from: State | 'new', event: string, to: State | 'gone'])[] = [
  ['new', 'accepted for later', 'scheduled'],
  ['new', 'accepted', 'queued'],
  ['scheduled', 'due', 'queued'],
  ['queued', 'taken by a worker', 'sending'],
  ['deferred', 'due', 'queued'],
  ['queued', 'corrected for later', 'scheduled'],
  ['sending', '250', 'sent'],
  ['sending', 'refused for good', 'failed'],
  ['sending', 'attempts used up', 'failed'],
  ['sending', 'failed for now', 'deferred'],
  ['sending', 'interrupted or throttled', 'queued'],
  ['sending', 'throttled after an attempt', 'deferred'],
  ['sending', 'outcome unknown', 'uncertain'],
  ['sending', 'too late', 'expired'],
  ['sending', 'its worker vanished', 'queued'],
  ['sending', 'took five workers down', 'held'],
  ['uncertain', 'policy resend', 'deferred'],
  ['scheduled', 'hold', 'held'],
  ['queued', 'hold', 'held'],
  ['deferred', 'hold', 'held'],
  ['scheduled', 'cancel', 'canceled'],
  ['queued', 'cancel', 'canceled'],
  ['deferred', 'cancel', 'canceled'],
  ['held', 'cancel', 'canceled'],
  ['uncertain', 'cancel', 'canceled'],
  ['failed', 'cancel', 'canceled'],
  ['expired', 'cancel', 'canceled'],
  ['scheduled', 'time over', 'expired'],
  ['queued', 'time over', 'expired'],
  ['deferred', 'time over', 'expired'],
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
  ['uncertain', 'resolve as failed', 'failed'],
];

const EDGES = new Set(TRANSITIONS.map(([from, , to]) => `${from} ${to}`));

/** Whether an email may come from one state into the other at all, by whatever event. */
export const isAllowed = (from: State | 'new', to: State | 'gone'): boolean => EDGES.has(`${from} ${to}`);
