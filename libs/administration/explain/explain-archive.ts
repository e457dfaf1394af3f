// What of an email waits for the archive of its queue, and why.
import type { EmailRecord } from '../../jobs/layout/email-record';
import type { EmailQueue } from '../../jobs/layout/queues';
import { copiesOfEmail } from '../../jobs/traces/archive-copies';
import { shownArchive } from '../../mail/settings/archive-to';
import type { Redis } from '../../store/redis/redis';
import type { Tenants } from '../../store/registries/tenants';
import type { Reason } from './explain-workers';

export interface ExplainArchiveDeps {
  redis: Redis;
  tenants: Pick<Tenants, 'queue'>;
}

export const explainArchive = async (
  { redis, tenants }: ExplainArchiveDeps,
  queue: EmailQueue,
  { id }: EmailRecord,
): Promise<Reason[]> => {
  const waiting = await copiesOfEmail(redis, queue, id);
  if (waiting.length === 0) return [];
  const present = (await tenants.queue(queue.address))?.settings.archiveTo;
  return waiting.map(({ copy, nextAt }) => {
    const to = shownArchive(present ?? copy.archiveTo);
    const why = copy.error === undefined ? '' : `; attempt ${copy.attempts} failed: ${copy.error}`;
    return {
      code: 'archive-waiting',
      text: `its message was taken by a server at ${new Date(copy.sentAt).toISOString()} and waits for the archive ${to}${why}`,
      until: new Date(nextAt).toISOString(),
    };
  });
};
