// What a worker does with an email it took: attempt, settle, report; whatever happens, the worker lives.
import { ContentStoreAway } from '../../libs/content/store-fault';
import type { Attempt, Outcome } from '../../libs/mail/email/outcome';
import { resolveSettings, type ResolvedSettings } from '../../libs/mail/settings/settings';
import type { Lease } from '../../libs/jobs/transitions/lease';
import type { Settle } from '../../libs/dispatch/settle';
import { shortened } from '../../libs/jobs/layout/email-log';
import type { Clock } from '../../libs/runtime/clock';
import type { Memory } from '../../libs/store/limits/memory';
import { SecretKeyMissing } from '../../libs/store/redis/secret-box';
import type { Admission } from '../../libs/store/limits/transport-limits';
import type { Report } from './report';
import { historyOf } from './attempt/attempt';
import type { EndedAttempt } from './attempt/record/attempt-steps';

/** An attempt that broke is tried again after this, uncounted: the email is not at fault. */
const BROKEN_MS = 30_000;

/** It ended for good: a confidential one was wiped. */
const isOver = (state: string): boolean => state === 'sent' || state === 'expired' || state === 'canceled';

/** What there is to settle. There is no line for the history where nothing was tried. */
interface Ending {
  outcome: Outcome;
  settings: ResolvedSettings;
  line?: Attempt | undefined;
  /** As it was rendered. */
  subject?: string | undefined;
  /** It was sent or erased before: there is nothing to tell but that it is removed once more. */
  isRemovedAgain?: boolean;
}

/**
 * @param deps.attempt gives the admission back, however it ends
 * @returns never rejects
 */
export const createProcessEmail = (deps: {
  attempt: (lease: Lease, admission: Admission) => Promise<EndedAttempt>;
  settle: Settle;
  report: Report;
  clock: Clock;
  memory: Memory;
  /** Lets go of the contents of an email. */
  dropContents: (lease: Lease) => Promise<void>;
}): ((lease: Lease, admission: Admission) => Promise<void>) => {
  const attempt = async (lease: Lease, admission: Admission): Promise<Ending> => {
    try {
      const ended = await deps.attempt(lease, admission);
      const line = historyOf(ended, deps.clock.now());
      const subject = ended.facts?.subject;
      return {
        outcome: ended.outcome,
        settings: ended.settings,
        line,
        subject,
        isRemovedAgain: ended.removedAgain === true,
      };
    } catch (error) {
      // A store that is full or away is the installation's fault: the email waits for it.
      const isStore = error instanceof ContentStoreAway;
      const text = isStore || error instanceof SecretKeyMissing ? error.message : 'an unexpected fault';
      if (isStore) deps.report.contentStoreAway(lease, text);
      else deps.report.broken(lease, error);
      const outcome: Outcome = { kind: 'throttled', text, until: deps.clock.now() + BROKEN_MS };
      return { outcome, settings: resolveSettings(lease.email) };
    }
  };

  /** What an attempt leaves is the first to become less where Redis is nearly full. */
  const lineFor = async (line: Attempt | undefined): Promise<Attempt | undefined> => {
    const isFull = await deps.memory.isFull().catch(() => false);
    return line !== undefined && isFull ? shortened(line) : line;
  };

  return async (lease, admission) => {
    const { outcome, settings, line, subject, isRemovedAgain } = await attempt(lease, admission);
    try {
      const settled = await deps.settle(lease, outcome, settings, await lineFor(line), subject);
      // They are sealed with a key that is wiped: what cannot be removed now goes with the email.
      if (lease.email.contents && isOver(settled.state)) await deps.dropContents(lease).catch(() => undefined);
      if (isRemovedAgain) deps.report.removedAgain(lease);
      else deps.report.settled(lease, outcome, settled, settings, line?.tls);
    } catch (error) {
      deps.report.unsettled(lease, error);
    }
  };
};
