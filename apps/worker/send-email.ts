// Hands a message over for the recipients that are left, and remembers at once what is known of them.
import type { Outcome } from '../../libs/mail/email/outcome';
import { recipientsOf } from '../../libs/mail/email/stored-email';
import type { Lease } from '../../libs/jobs/transitions/lease';
import {
  clearIntent,
  FenceClosed,
  markDone,
  markIntent,
  markSent,
  type Marks,
} from '../../libs/jobs/transitions/hand-over-journal';
import type { Clock } from '../../libs/runtime/clock';
import type { OpenTransport } from '../../libs/send/smtp/connections';
import { envelopeAddress } from '../../libs/send/message/message';
import type { HandOver, HandOverResult } from '../../libs/send/smtp/transmit';
import type { Redis } from '../../libs/store/redis/redis';
import { judgeHandOver } from './judge';
import type { Made } from './make-message';

export type SendEmail = ReturnType<typeof createSendEmail>;

/** What could not be asked for now is asked for again after this at the earliest, and not by all emails at once. ms */
const POSTPONED_MS = 5_000;
const POSTPONED_SPREAD_MS = 2_000;

export const createSendEmail = (deps: {
  redis: Redis;
  clock: Clock;
  handOver: (work: HandOver) => Promise<HandOverResult>;
}) => {
  const { redis, clock } = deps;

  /** Records what is known of recipients before anything else is done: this is what keeps twins away. */
  const remember = async (
    lease: Lease,
    marks: Marks,
    outcome: Outcome,
    result: HandOverResult,
    intentAt: number | undefined,
  ): Promise<void> => {
    if (outcome.kind === 'sent') {
      await markSent(redis, lease.queue, lease.id, { at: clock.now(), replies: outcome.replies });
    } else if ((outcome.kind === 'deferred' || outcome.kind === 'refused') && outcome.recipients !== undefined) {
      const { accepted, refused } = outcome.recipients;
      const replies = [...marks.done.refused, ...outcome.replies];
      const words = refused.flatMap((address) => replies.find(({ recipient }) => recipient === address) ?? []);
      const done = { accepted, refused: words };
      await markDone(redis, lease.queue, lease.id, { generation: marks.generation, intentAt, done });
    } else if (
      intentAt !== undefined &&
      outcome.kind !== 'uncertain' &&
      !(result.kind === 'stopped' && result.error instanceof FenceClosed)
    ) {
      await clearIntent(redis, lease.queue, lease.id, intentAt);
    }
  };

  return async (
    lease: Lease,
    marks: Marks,
    made: Made,
    transport: OpenTransport,
    hear: ((line: string) => void) | undefined,
  ): Promise<Outcome> => {
    const all = [...new Set(recipientsOf(lease.email).map(envelopeAddress))];
    // A correction may have taken recipients away that earlier attempts were done with.
    const done = {
      accepted: marks.done.accepted.filter((address) => all.includes(address)),
      refused: marks.done.refused.filter(({ recipient = '' }) => all.includes(recipient)),
    };
    const doneWith = [...done.accepted, ...done.refused.map(({ recipient }) => recipient)];
    const to = all.filter((address) => !doneWith.includes(address));
    let intentAt: number | undefined;
    const beforeMessage = (): Promise<void> => markIntent(redis, lease.queue, lease, (intentAt = clock.now()));
    const { content } = made.message;
    const answered = lease.waits(Buffer.isBuffer(content) ? content.length : 0);
    const result: HandOverResult =
      to.length === 0
        ? { kind: 'taken', reply: { code: 0, text: 'every recipient has it already' }, rejected: [] }
        : await deps.handOver({
            transport,
            envelope: { from: made.from, to },
            message: made.message,
            signal: lease.signal,
            ...(hear && { hear }),
            beforeMessage,
          });
    answered();
    if (result.kind === 'postponed') {
      const spread = Math.floor(Math.random() * POSTPONED_SPREAD_MS);
      return { kind: 'throttled', text: result.text, until: clock.now() + Math.max(result.ms, POSTPONED_MS) + spread };
    }
    const outcome = judgeHandOver(result, to, done);
    await remember(lease, { ...marks, done }, outcome, result, intentAt);
    return outcome;
  };
};
