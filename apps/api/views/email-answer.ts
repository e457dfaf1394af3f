// The answer that shows one email as it is now.
import type { EmailRecord } from '../../../libs/jobs/layout/email-record';
import type { EmailQueue } from '../../../libs/jobs/layout/queues';
import { readHistory } from '../../../libs/jobs/read/history';
import type { Answer } from '../http/endpoint/endpoint';
import type { RouteDeps } from '../http/route-deps';
import { emailView, etagOf } from './email-view';

/** An email as a whole, with its ETag. */
export const emailAnswer = async (
  { tenants, redis }: Pick<RouteDeps, 'tenants' | 'redis'>,
  queue: EmailQueue,
  record: EmailRecord,
): Promise<Answer> => {
  const [settings, history] = await Promise.all([
    tenants.settings(queue.address, record.email),
    readHistory(redis, queue, record),
  ]);
  return { headers: { ETag: etagOf(record) }, body: emailView(queue.address, record, settings, history) };
};
