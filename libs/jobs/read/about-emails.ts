// What events tell of emails beside what happened: to whom they go, and what their senders marked them with.
import type { QueueAddress } from '../../mail/address/queue-address';
import { readStored, recipientsOf, type StoredEmail } from '../../mail/email/stored-email';
import { readReported } from '../../mail/reports/reported-mark';
import { queueKeys } from '../../store/redis/keys';
import { MARK } from '../layout/marks';
import type { Redis } from '../../store/redis/redis';

export interface AboutEmail {
  recipients: string[];
  metadata: NonNullable<StoredEmail['metadata']>;
  tags: string[];
  /** What was reported of them, by kind. */
  reported?: ReturnType<typeof readReported>;
}

/** @returns by id; nothing of those that are gone */
export const readAboutEmails = async (
  redis: Redis,
  queue: QueueAddress,
  ids: string[],
): Promise<Map<string, AboutEmail>> => {
  const { job } = queueKeys(queue);
  const answers = await Promise.all(ids.map((id) => redis.hmget(job(id), 'data', MARK.reported)));
  const found = new Map<string, AboutEmail>();
  for (const [index, id] of ids.entries()) {
    const [data, reported] = answers[index] ?? [];
    if (typeof data !== 'string') continue;
    const email = readStored(data);
    const recipients = recipientsOf(email).map(({ address }) => address);
    found.set(id, {
      recipients,
      metadata: email.metadata ?? {},
      tags: email.tags ?? [],
      ...(reported && { reported: readReported(reported) }),
    });
  }
  return found;
};
