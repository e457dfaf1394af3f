// Puts accepted emails into their queue: announced, indexed, added; the order makes every crash harmless.
import type { Priority } from '../mail/settings/settings';
import { dueAt, type StoredEmail } from '../mail/email/stored-email';
import type { Redis } from '../store/redis/redis';
import { DUE_NOW, type Schedule } from '../jobs/layout/schedule';
import type { EmailQueue } from '../jobs/layout/queues';
import { announceWhereabouts } from '../jobs/layout/whereabouts';
import { addEmails, type Addition } from '../jobs/transitions/add';

/** An email that was accepted: its id is decided, its parts are stored. */
export interface Accepted {
  id: string;
  email: StoredEmail;
  /** ms since 1970 */
  acceptedAt: number;
  priority: Priority;
}

/**
 * BullMQ runs jobs without a priority before all that have one, then the least number first: so high has none.
 * Numbers leave room between for later.
 */
export const BULL_PRIORITY: Record<Priority, number> = { high: 0, normal: 10, low: 20 };

export interface Enqueue {
  /**
   * Adds emails; resolves when Redis has all of them. Repeating it with the same ids adds nothing twice.
   * @throws whatever Redis answers, also to an email that was handed in at the same moment; some may have been added then
   */
  add(queue: EmailQueue, emails: Accepted[]): Promise<void>;
}

/** Emails of one queue that are handed in at the same moment: together they cost Redis little more than one. */
interface Group {
  emails: Accepted[];
  added: Promise<void>;
}

export const createEnqueue = (deps: { redis: Redis; schedule: Schedule }): Enqueue => {
  const groups = new Map<string, Group>();

  const addGroup = async (queue: EmailQueue, emails: Accepted[]): Promise<void> => {
    const earliest = Math.min(...emails.map(announcedAt));
    const upkeep = Math.min(...emails.map(({ email }) => Date.parse(email.expiresAt)));
    // Sent in this order over one connection, which keeps it; waiting for each would cost a round trip each.
    await Promise.all([
      announceWhereabouts(deps.redis, queue, emails),
      deps.schedule.announce(queue.name, earliest, upkeep),
      addEmails(deps.redis, queue, emails.map(toAddition)),
    ]);
    // Also when they expire: the sweep may have taken the first word of it away before it could see them.
    await deps.schedule.announce(queue.name, earliest, upkeep);
  };

  /** Requests that came in one turn of the event loop are one group; nobody waits for others to come. */
  const gather = (queue: EmailQueue): Group => {
    const emails: Accepted[] = [];
    const added = new Promise<void>((resolve, reject) => {
      setImmediate(() => {
        groups.delete(queue.name);
        addGroup(queue, emails).then(resolve, reject);
      });
    });
    const group = { emails, added };
    groups.set(queue.name, group);
    return group;
  };

  return {
    add(queue, emails) {
      const group = groups.get(queue.name) ?? gather(queue);
      group.emails.push(...emails);
      return group.added;
    },
  };
};

/** Only what waits for a time of its own is announced for that time. */
const announcedAt = ({ email, acceptedAt }: Accepted): number => {
  const due = dueAt(email, acceptedAt);
  return due > acceptedAt ? due : DUE_NOW;
};

const toAddition = ({ id, email, acceptedAt, priority }: Accepted): Addition => ({
  id,
  email,
  acceptedAt,
  due: dueAt(email, acceptedAt),
  priority: BULL_PRIORITY[priority],
});
