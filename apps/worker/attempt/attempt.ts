// One attempt to send an email, from step to step; every ending that can be expected is returned, not thrown.
import type { ContentStore } from '../../../libs/content/store';
import type { Attempt, Reply } from '../../../libs/mail/email/outcome';
import { failedState } from '../../../libs/mail/email/state';
import { outcomeWithoutQuotes } from '../../../libs/mail/smtp/discretion';
import type { ResolvedSettings } from '../../../libs/mail/settings/settings';
import type { Lease } from '../../../libs/jobs/transitions/lease';
import { NO_MARKS, readMarks } from '../../../libs/jobs/transitions/hand-over-journal';
import type { Suppressions } from '../../../libs/store/suppressions/registry';
import type { Admission } from '../../../libs/store/limits/transport-limits';
import { holdAdmission } from './record/admission';
import { admit, type AdmitDeps } from './admit';
import { archive, type ArchiveDeps } from './archive';
import { underBreaker, type CircuitBreakerDeps } from './circuit-breaker';
import { classify } from './classify';
import { compose, type ComposeDeps } from './compose';
import { withFallback } from './fallback';
import { handOver, remember, type HandOverDeps } from './hand-over';
import { preflight } from './preflight';
import { unseal, type UnsealDeps } from './unseal';
import {
  hasEnded,
  type ComposedAttempt,
  type EndedAttempt,
  type OpenAttempt,
  type ResolvedAttempt,
} from './record/attempt-steps';
import { leaveOutSuppressed } from './recipients';
import { resolveInputs, type ResolveInputsDeps } from './resolve-inputs';
import { traceAttempt } from '../telemetry/attempt-trace';
import { createAttemptSpool } from './record/attempt-spool';
import { createTranscript } from '../../../libs/mail/smtp/transcript';

export interface AttemptDeps
  extends AdmitDeps, ResolveInputsDeps, ComposeDeps, ArchiveDeps, CircuitBreakerDeps, HandOverDeps, UnsealDeps {
  content: ContentStore;
  suppressions: Pick<Suppressions, 'find'>;
  /** The settings of now. */
  settingsOf: (lease: Lease) => Promise<ResolvedSettings>;
  /** Where documents lie during an attempt. */
  spoolFolder: string;
}

/** Reads what holds for it now, and what earlier attempts left behind. */
const open = async (
  { clock, redis, settingsOf }: AttemptDeps,
  lease: Lease,
  owned: Pick<OpenAttempt, 'admission' | 'spool' | 'span'>,
): Promise<OpenAttempt> => {
  const startedAt = new Date(clock.now()).toISOString();
  const settings = await settingsOf(lease);
  // A first start of an email that was never corrected or released cannot have left a sign that it is gone either.
  const pristine = lease.starts <= 1 && lease.email.rev === 1 && !lease.marked;
  const marks = pristine ? NO_MARKS : await readMarks(redis, lease.queue, lease.id);
  return { lease, settings, marks, suppressed: [], startedAt, ...owned, dialogue: createTranscript() };
};

const askServer = (deps: AttemptDeps, composed: ComposedAttempt): Promise<EndedAttempt> =>
  underBreaker(deps, composed, async () => {
    const handedOver = await handOver(deps, composed);
    const classified = classify(handedOver, deps.clock.now());
    await remember(deps, handedOver, classified);
    return classified;
  });

/** Makes the message and brings it to the server of the attempt's transport. */
const bring = async (deps: AttemptDeps, resolved: ResolvedAttempt): Promise<EndedAttempt> => {
  const composed = await compose(deps, resolved);
  if (hasEnded(composed)) return composed;
  // Before the breaker is asked: where the store cannot be reached, nobody else waits for a probe that never was.
  const archived = await archive(deps, composed);
  return hasEnded(archived) ? archived : askServer(deps, archived);
};

const runSteps = async (deps: AttemptDeps, opened: OpenAttempt): Promise<EndedAttempt> => {
  const checked = preflight(opened);
  if (hasEnded(checked)) return checked;
  const admitted = await admit(deps, checked);
  if (hasEnded(admitted)) return admitted;
  const addressed = await leaveOutSuppressed(deps, admitted);
  if (hasEnded(addressed)) return addressed;
  const unsealed = await unseal(deps, addressed);
  if (hasEnded(unsealed)) return unsealed;
  const resolved = await resolveInputs(deps, unsealed);
  if (hasEnded(resolved)) return resolved;
  return withFallback(deps, resolved, (attempt) => bring(deps, attempt));
};

/**
 * Does one attempt.
 * @param admission the right to it; given back when the attempt is over, however it ends
 * @throws what no step expected
 */
export const runAttempt = (deps: AttemptDeps, lease: Lease, admission: Admission): Promise<EndedAttempt> =>
  traceAttempt(lease, async (span) => {
    const owned = { admission: holdAdmission(admission), spool: createAttemptSpool(deps.spoolFolder), span };
    try {
      const ended = await runSteps(deps, await open(deps, lease, owned));
      return ended.settings.confidential ? { ...ended, outcome: outcomeWithoutQuotes(ended.outcome) } : ended;
    } finally {
      owned.admission.giveBack();
      await owned.spool.discard();
    }
  });

const NO_REPLIES: Reply[] = [];
const NOT_TRIED: ReadonlySet<EndedAttempt['outcome']['kind']> = new Set([
  'throttled',
  'interrupted',
  'expired',
  'canceled',
]);

/**
 * The attempt as the email's history keeps it.
 * @param endedAt ms since 1970
 * @returns undefined where nothing was tried, as for an email that is put aside before: then no attempt is counted
 */
export const historyOf = (attempt: EndedAttempt, endedAt: number): Attempt | undefined => {
  const { lease, settings, outcome, templateVersion } = attempt;
  const isHeld = outcome.kind === 'refused' && failedState(outcome.code) === 'held';
  if (attempt.removedAgain || NOT_TRIED.has(outcome.kind) || isHeld) return undefined;
  const dialogue = attempt.dialogue.lines();
  return {
    number: lease.attemptsBefore + lease.attemptsMade + 1,
    startedAt: attempt.startedAt,
    endedAt: new Date(endedAt).toISOString(),
    outcome: outcome.kind,
    transport: settings.transport,
    ...(attempt.fallback && { fallback: attempt.fallback }),
    ...(settings.redirectTo !== undefined && { redirectedTo: settings.redirectTo }),
    ...(templateVersion !== undefined && { templateVersion }),
    ...('text' in outcome && { text: outcome.text }),
    ...(attempt.tls && { tls: attempt.tls }),
    replies: settings.log === 'none' || !('replies' in outcome) ? NO_REPLIES : outcome.replies,
    ...(dialogue.length > 0 && { dialogue }),
  };
};
