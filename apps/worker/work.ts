// What a worker does with an email it took: deliver, settle, report; whatever happens, the worker lives.
import type { Lease } from '../../libs/queue/email-worker';
import type { Settle } from '../../libs/queue/settle';
import type { Outcome } from '../../libs/mail/outcome';
import { resolveSettings } from '../../libs/mail/settings';
import type { Clock } from '../../libs/runtime/clock';
import type { Admission } from '../../libs/store/transport-limits';
import type { Delivery } from './deliver';
import type { Report } from './report';

/** An attempt that broke in a way that nobody expected is tried again after this, uncounted: the email is not at fault. */
const BROKEN_MS = 30_000;

export const createWork = (deps: {
  deliver: (lease: Lease, admission: Admission) => Promise<Delivery>;
  settle: Settle;
  report: Report;
  clock: Clock;
}) => {
  const deliver = async (lease: Lease, admission: Admission): Promise<Delivery> => {
    try {
      return await deps.deliver(lease, admission);
    } catch (error) {
      deps.report.broken(lease, error);
      const outcome: Outcome = { kind: 'throttled', text: 'an unexpected fault', until: deps.clock.now() + BROKEN_MS };
      return { outcome, settings: resolveSettings(lease.email) };
    }
  };

  /** Never rejects. */
  return async (lease: Lease, admission: Admission): Promise<void> => {
    const { outcome, settings, attempt } = await deliver(lease, admission);
    try {
      deps.report.settled(lease, outcome, await deps.settle(lease, outcome, settings, attempt));
    } catch (error) {
      deps.report.unsettled(lease, error);
    }
  };
};
