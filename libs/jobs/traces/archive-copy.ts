// A message that a server took, for the archive of its queue: written by the script that says so, so that none is lost.
import { createHash } from 'node:crypto';
import type { Address } from '../../mail/address/address';
import { normalizeAddress } from '../../mail/address/address';
import { messageIdOf, recipientsOf, type StoredEmail, type StoredRaw } from '../../mail/email/stored-email';
import type { RecipientsDone } from '../../mail/email/outcome';
import type { ArchiveTo } from '../../mail/settings/archive-to';
import type { ResolvedSettings } from '../../mail/settings/settings';
import type { ContentRefs } from '../../store/contents/content-refs';
import { BESIDE, KEYS } from '../../store/redis/keys';
import type { Redis } from '../../store/redis/redis';
import type { EmailQueue } from '../layout/queues';
import { createQueueIndex } from './queue-index';

/** A copy as it waits. It holds its message in the content store by itself, whatever becomes of the email. */
export interface ArchiveCopy {
  /** Its own: `copyIdOf`. */
  id: string;
  /** Id of the email. */
  email: string;
  /** When the server took it, ms since 1970. */
  sentAt: number;
  /** As it was handed over. */
  message: StoredRaw;
  messageId: string;
  transport: string;
  /** Addresses that a server took it for, by this hand-over. */
  to: string[];
  cc?: string[];
  bcc?: string[];
  tags?: string[];
  metadata?: StoredEmail['metadata'];
  /** Where the queue's archive was: it goes there where the queue has none any more. */
  archiveTo: ArchiveTo;
  /** The email keeps the message afterwards too (setting `archive`). */
  kept: boolean;
  /** Made in vain. */
  attempts: number;
  /** Why the last one was in vain. */
  error?: string;
}

/**
 * The same for the same hand-over, however often it is written down; another one for each message of the email that a server took, and
 * for others who got the same bytes.
 */
const copyIdOf = (email: string, contentId: string, recipients: string[]): string => {
  const hash = createHash('sha256').update([contentId, ...recipients.map(normalizeAddress).sort()].join('\n'));
  return `${email}-${hash.digest('hex').slice(0, 16)}`;
};

/** The id of its email. */
export const emailOfCopy = (copyId: string): string => copyId.slice(0, copyId.lastIndexOf('-'));

/** In whose name a copy holds its message (libs/store/contents/content-refs.ts). */
export const copyMember = (copyId: string): string => `copy:${copyId}`;

const { announce, queues, dropIdle } = createQueueIndex(KEYS.copies, BESIDE.copies);

/** Says that the queue may hold copies. */
export const announceCopies = announce;

/** The queues that may hold copies. */
export const queuesWithCopies = queues;

/** Takes out queues that hold none and have not held any for a while. */
export const dropIdleCopies = dropIdle;

/**
 * In Lua: `keepCopy` writes what `copyArgument` gave. What waits already stays as it is. The message is held here as well, where it could not
 * be before: the email still holds it then, so that nobody else has to be told.
 */
export const COPIES = `
local function keepCopy(prefix, copy, now)
  if copy == '' then return end
  local id, content, record = string.match(copy, '^(%S+) (%S+) (.*)$')
  redis.call('ZADD', content, '+inf', '${copyMember('')}' .. id)
  redis.call('HSETNX', prefix .. '${BESIDE.copies}', id, record)
  redis.call('ZADD', prefix .. '${BESIDE.copiesDue}', 'NX', now, id)
  redis.call('ZADD', prefix .. '${BESIDE.copiesByEmail}', 0, id)
end
`;

/** What a server took in one hand-over. */
export interface Taken {
  id: string;
  email: StoredEmail;
  message: StoredRaw;
  settings: ResolvedSettings;
  /** ms since 1970 */
  at: number;
  /** Addresses of the envelope that it was taken for. */
  accepted: string[];
}

/**
 * Whom the last hand-over reached, of an email that was sent or is taken for sent.
 * @param done what earlier hand-overs said of recipients
 * @param named whom the server was asked for and did not refuse, where that is known: else all who are left
 */
export const reachedLast = (email: StoredEmail, done: RecipientsDone, named: string[] | undefined): string[] => {
  const before = [...done.accepted, ...done.refused.map(({ recipient = '' }) => recipient)].map(normalizeAddress);
  const all = named ?? recipientsOf(email).map(({ address }) => address);
  return all.filter((address) => !before.includes(normalizeAddress(address)));
};

const copyOf = ({ id, email, message, settings, at, accepted }: Taken, archiveTo: ArchiveTo): ArchiveCopy => {
  const have = new Set(accepted.map(normalizeAddress));
  const those = (list: Address[] = []): string[] =>
    list.map(({ address }) => address).filter((one) => have.has(normalizeAddress(one)));
  const [cc, bcc] = [those(email.cc), those(email.bcc)];
  return {
    id: copyIdOf(id, message.contentId, accepted),
    email: id,
    sentAt: at,
    message,
    messageId: message.messageId ?? messageIdOf(id, email),
    transport: settings.transport,
    to: those(email.to),
    ...(cc.length > 0 && { cc }),
    ...(bcc.length > 0 && { bcc }),
    ...(email.tags && { tags: email.tags }),
    ...(email.metadata && { metadata: email.metadata }),
    archiveTo,
    kept: settings.archive,
    attempts: 0,
  };
};

export interface CopyDeps {
  redis: Redis;
  refs: ContentRefs;
}

/** A copy that is about to be written: what the scripts take, and what must be done beside it. */
export interface DraftCopy {
  argument: string;
  /**
   * The message is held for the archive, and the queue is named to whoever hands copies over. To be called before it is written: where
   * nothing follows, the reconciler lets go of the message. May be repeated.
   * @throws what Redis says against it
   */
  hold: () => Promise<void>;
}

/** @returns undefined where the queue has no archive, or the hand-over reached nobody */
export const draftCopy = ({ redis, refs }: CopyDeps, queue: EmailQueue, taken: Taken): DraftCopy | undefined => {
  const { archiveTo } = taken.settings;
  if (archiveTo === undefined || taken.accepted.length === 0) return undefined;
  const copy = copyOf(taken, archiveTo);
  const { contentId, size } = copy.message;
  return {
    argument: `${copy.id} ${queue.keys.content(contentId)} ${JSON.stringify(copy)}`,
    async hold() {
      await announce(redis, queue);
      await refs.claim(queue.address, copyMember(copy.id), [{ contentId, size }]);
    },
  };
};

/**
 * A copy that is held already.
 * @returns what the scripts take
 * @throws what Redis says against it
 */
export const copyArgument = async (deps: CopyDeps, queue: EmailQueue, taken: Taken): Promise<string> => {
  const draft = draftCopy(deps, queue, taken);
  await draft?.hold();
  return draft?.argument ?? '';
};
