// Hands a message over for the recipients that are left, and remembers at once what is known of them.
import type { Encryption, RecipientOutcomes, Reply } from '../../../libs/mail/email/outcome';
import type { Phase } from '../../../libs/mail/smtp/phase';
import { answerWithoutWords, hearWithoutWords } from '../../../libs/mail/smtp/discretion';
import {
  clearIntent,
  FenceClosed,
  markDone,
  markIntent,
  markSent,
  markUnknown,
} from '../../../libs/jobs/transitions/hand-over-journal';
import { draftCopy, type CopyDeps, type DraftCopy } from '../../../libs/jobs/traces/archive-copy';
import { classifyReply } from '../../../libs/mail/smtp/classify-answer';
import { envelopeAddress, heldBytes } from '../../../libs/send/message/message';
import type { SendRequest, SendResult } from '../../../libs/send/smtp/transmit';
import type { Breakers } from '../../../libs/store/limits/breaker';
import type { Durably } from '../../../libs/store/durability/durability';
import type { Redis } from '../../../libs/store/redis/redis';
import type { ComposedAttempt, EndedAttempt } from './record/attempt-steps';
import { tagged, type ReturnPathDeps } from './return-path';
import { splitRecipients, type SplitRecipients } from './recipients';

export interface HandOverDeps extends ReturnPathDeps, CopyDeps {
  redis: Redis;
  breakers: Breakers;
  durably: Durably;
  /** Brings a message to a server. Never rejects. */
  sendMessage: (request: SendRequest) => Promise<SendResult>;
  /** Hears how long each step of a dialogue waited for the server, ms. */
  tookStep: (step: Phase, ms: number) => void;
}

/** An attempt whose message was brought to a server, and what the server said. */
export interface HandedOverAttempt extends ComposedAttempt, SplitRecipients {
  result: SendResult;
  /** When the intent to let the message out was recorded, ms since 1970; undefined where it did not come so far. */
  intentAt: number | undefined;
}

const EVERYBODY_HAS_IT: SendResult = {
  kind: 'taken',
  reply: { code: 0, text: 'every recipient has it already' },
  rejected: [],
};

/** Asks the server to take the message. The intent is recorded between its 354 and the first byte. */
export const handOver = async (deps: HandOverDeps, attempt: ComposedAttempt): Promise<HandedOverAttempt> => {
  const { lease, settings, transport, message, inputs, admission, dialogue, span } = attempt;
  const { tried, done } = splitRecipients(attempt);
  let intentAt: number | undefined;
  let tls: Encryption | undefined;
  const { returnPath } = transport.transport;
  const { redirectTo } = settings;
  // What comes back of one that was redirected tells of no recipient.
  const comesBack = returnPath && redirectTo === undefined ? await tagged(deps, attempt, returnPath) : undefined;
  admission.setServerAsked(true);
  const answered = lease.waits(heldBytes(message));
  const result =
    tried.length === 0
      ? EVERYBODY_HAS_IT
      : await deps.sendMessage({
          transport,
          // Whoever has a copy there has it for all of them.
          envelope: {
            ...(comesBack ?? { from: envelopeAddress(inputs.from) }),
            to: redirectTo === undefined ? tried : [redirectTo],
          },
          message,
          signal: lease.signal,
          encrypted: (by) => (tls = by),
          ...(settings.log === 'dialogue' && {
            hear: settings.confidential ? hearWithoutWords(dialogue.hear) : dialogue.hear,
          }),
          took: (step, ms) => {
            deps.tookStep(step, ms);
            if (span.isRecording()) span.addEvent(`smtp ${step}`, { ms });
          },
          beforeMessage: () =>
            deps.durably(() => markIntent(deps.redis, lease.queue, lease, (intentAt = deps.clock.now()))),
        });
  answered();
  // Without a token to log in with no server was asked: what it allows is not used up.
  if (result.kind === 'postponed') admission.setServerAsked(false);
  const isAnswer = result.kind !== 'postponed' && result.kind !== 'stopped';
  const kept = settings.confidential && isAnswer ? answerWithoutWords(result) : result;
  return { ...attempt, result: kept, tried, done, intentAt, ...(tls && { tls }) };
};

/** A server took it for some: they have a message that the archive must have, whatever becomes of the others. */
const copyForSome = (
  deps: HandOverDeps,
  { lease, settings, tried, kept }: HandedOverAttempt,
  accepted: string[],
): DraftCopy | undefined => {
  if (kept === undefined) return undefined;
  const { queue, id, email } = lease;
  const now = tried.filter((one) => accepted.includes(one));
  return draftCopy(deps, queue, { id, email, message: kept, settings, at: deps.clock.now(), accepted: now });
};

/** Nothing may keep it from being written who has the email: what the archive is to get is written with it. */
const rememberSome = async (
  deps: HandOverDeps,
  attempt: HandedOverAttempt,
  { accepted, refused }: RecipientOutcomes,
  said: Reply[],
): Promise<void> => {
  const { redis, clock } = deps;
  const { lease, marks, suppressed, done, intentAt } = attempt;
  const copy = copyForSome(deps, attempt, accepted);
  // Where Redis does not take that, the script holds the message too, and upkeep names the queue.
  await copy?.hold().catch(() => undefined);
  const replies = [...done.refused, ...said];
  // Who was suppressed is asked again at the next attempt, and not remembered.
  const byServer = refused.filter((address) => !suppressed.some(({ recipient }) => recipient === address));
  const words = byServer.flatMap((address) => replies.find(({ recipient }) => recipient === address) ?? []);
  await markDone(redis, lease.queue, lease.id, {
    generation: marks.generation,
    intentAt,
    now: clock.now(),
    done: { accepted, refused: words },
    copy: copy?.argument,
  });
};

/** Nobody knows whether the server took it, but whom it was not for. */
const rememberUnknown = async (deps: HandOverDeps, attempt: HandedOverAttempt): Promise<void> => {
  const { lease, marks, result, tried } = attempt;
  if (result.kind !== 'fault' || result.replies.length === 0) return;
  const isRefused = (one: Reply): boolean => classifyReply('rcpt', one, tried.length).outcome === 'refused';
  const not = result.replies.map(({ recipient }) => recipient);
  const { accepted, refused } = marks.done;
  await markUnknown(deps.redis, lease.queue, lease.id, {
    generation: marks.generation,
    done: { accepted, refused: [...refused, ...result.replies.filter(isRefused)] },
    unknown: tried.filter((address) => !not.includes(address)),
  });
};

/**
 * Records what is known of recipients before anything else is done: this is what keeps twins away. Where an email was sent and
 * nothing is to be done but to write that into its history, the script that does so records it as well
 * (libs/jobs/transitions/end.ts): its call is the next one either way, and a round trip is saved.
 */
export const remember = async (
  deps: HandOverDeps,
  attempt: HandedOverAttempt,
  { outcome }: Pick<EndedAttempt, 'outcome'>,
): Promise<void> => {
  const { redis, clock, breakers } = deps;
  const { lease, settings, marks, result, intentAt } = attempt;
  const { queue, id } = lease;
  if (outcome.kind === 'sent') {
    if (settings.history.keep && breakers.isWell(queue.address.tenant, settings.transport)) return;
    await markSent(redis, queue, id, { at: clock.now(), replies: outcome.replies });
  } else if ((outcome.kind === 'deferred' || outcome.kind === 'refused') && outcome.recipients !== undefined) {
    await rememberSome(deps, attempt, outcome.recipients, outcome.replies);
  } else if (outcome.kind === 'uncertain') {
    await rememberUnknown(deps, attempt);
  } else if (intentAt !== undefined && !(result.kind === 'stopped' && result.error instanceof FenceClosed)) {
    await clearIntent(redis, queue, id, { generation: marks.generation, intentAt });
  }
};
