// The outcome of a hand-over: the server's words by libs/mail/smtp/classify-answer.ts, and here the reasons of our own to stop.
import { ContentMissing } from '../../../libs/content/store-fault';
import type { LeaseEnd } from '../../../libs/jobs/transitions/lease';
import { FenceClosed } from '../../../libs/jobs/transitions/hand-over-journal';
import type { Outcome, RecipientsDone } from '../../../libs/mail/email/outcome';
import { classifyAnswer, PHASE_WORDS } from '../../../libs/mail/smtp/classify-answer';
import { OPENING_PHASES } from '../../../libs/mail/smtp/phase';
import { NotDurable } from '../../../libs/store/redis/redis';
import { MessageUnreadable } from '../../../libs/send/smtp/message-stream';
import type { Answered } from '../../../libs/send/smtp/server-answer';
import type { HandedOverAttempt } from './hand-over';
import { endAttempt, type EndedAttempt } from './record/attempt-steps';

const TOO_LONG: LeaseEnd = 'took-too-long';

/** What could not be asked for now is asked for again after this at the earliest, and not by all emails at once. ms */
const POSTPONED_MS = 5_000;
const POSTPONED_SPREAD_MS = 2_000;

/** A server that never ends is a fault of the transport; every other reason to stop is ours. */
const ofStop = ({ phase, error }: Extract<Answered, { kind: 'stopped' }>): Outcome => {
  if (error === TOO_LONG) {
    const text = `the attempt took too long: given up ${PHASE_WORDS[phase]}`;
    return { kind: 'deferred', text, replies: [], blame: 'transport' };
  }
  if (error instanceof MessageUnreadable) {
    // Found while it was sent: the server did not get its end, and took nothing.
    if (error.cause instanceof ContentMissing)
      return { kind: 'refused', code: 'content-missing', text: error.message, replies: [] };
    return { kind: 'deferred', text: `its content could not be read: ${error.message}`, replies: [] };
  }
  return { kind: 'interrupted', text: `stopped: ${error instanceof FenceClosed ? error.message : String(error)}` };
};

/**
 * The outcome of what a server was asked.
 * @param tried the addresses of this attempt's envelope
 * @param done recipients that earlier attempts were done with
 */
export const outcomeOf = (result: Answered, tried: string[], done: RecipientsDone): Outcome =>
  result.kind === 'stopped' ? ofStop(result) : classifyAnswer(result, tried, done);

/** Nothing was said of an email, in this dialogue or in the one that it replaced. */
const isUnheard = ({ result, intentAt }: HandedOverAttempt): boolean => {
  if (intentAt !== undefined) return false;
  if (result.kind === 'postponed') return true;
  return (result.kind === 'fault' || result.kind === 'rejected') && OPENING_PHASES.has(result.phase);
};

/** @param now ms since 1970 */
export const classify = (attempt: HandedOverAttempt, now: number): EndedAttempt => {
  const { result, tried, done, suppressed } = attempt;
  const heard = { isUnheard: isUnheard(attempt) };
  const spread = Math.floor(Math.random() * POSTPONED_SPREAD_MS);
  if (result.kind === 'stopped' && result.error instanceof NotDurable) {
    // Not one byte of the message left: the email waits for Redis, uncounted.
    const until = now + POSTPONED_MS + spread;
    return { ...endAttempt(attempt, { kind: 'throttled', text: result.error.message, until }), ...heard };
  }
  if (result.kind !== 'postponed') {
    const outcome = outcomeOf(result, tried, done);
    const isTold = 'replies' in outcome && suppressed.length > 0;
    const told = isTold ? { ...outcome, replies: [...outcome.replies, ...suppressed] } : outcome;
    return { ...endAttempt(attempt, told), ...heard };
  }
  const until = now + Math.max(result.ms, POSTPONED_MS) + spread;
  const { text, blame } = result;
  return { ...endAttempt(attempt, { kind: 'throttled', text, until, ...(blame && { blame }) }), ...heard };
};
