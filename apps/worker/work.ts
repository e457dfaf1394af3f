// What a worker does with an email it took: deliver, settle, report; whatever happens, the worker lives.
import { ContentStoreAway } from '../../libs/content/store-fault';
import type { Lease } from '../../libs/jobs/transitions/lease';
import type { Settle } from '../../libs/dispatch/settle';
import type { Outcome } from '../../libs/mail/email/outcome';
import { SecretKeyMissing } from '../../libs/store/redis/secrets';
import { resolveSettings } from '../../libs/mail/settings/settings';
import type { Clock } from '../../libs/runtime/clock';
import type { Admission } from '../../libs/store/limits/transport-limits';
import type { Delivery } from './deliver';
import type { Report } from './report';

/** An attempt that broke is tried again after this, uncounted: the email is not at fault. */
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
      // A store that is full or away is the installation's fault: the email waits for it.
      const known = error instanceof ContentStoreAway;
      const text = known || error instanceof SecretKeyMissing ? error.message : 'an unexpected fault';
      if (known) deps.report.storeless(lease, text);
      else deps.report.broken(lease, error);
      const outcome: Outcome = { kind: 'throttled', text, until: deps.clock.now() + BROKEN_MS };
      return { outcome, settings: resolveSettings(lease.email) };
    }
  };

  /** Never rejects. */
  return async (lease: Lease, admission: Admission): Promise<void> => {
    const { outcome, settings, attempt } = await deliver(lease, admission);
    try {
      const settled = await deps.settle(lease, outcome, settings, attempt);
      deps.report.settled(lease, outcome, settled, settings.transport);
    } catch (error) {
      deps.report.unsettled(lease, error);
    }
  };
};
