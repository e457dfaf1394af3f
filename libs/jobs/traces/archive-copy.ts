// A message that a server took, for the archive of its queue: written by the script that says so, so that none is lost.
import type { Address } from '../../mail/address/address';
import { normalizeAddress } from '../../mail/address/address';
import { messageIdOf, type StoredEmail, type StoredRaw } from '../../mail/email/stored-email';
import type { ArchiveTo } from '../../mail/settings/archive-to';
import type { ResolvedSettings } from '../../mail/settings/settings';
import type { ContentRefs } from '../../store/contents/content-refs';
import { BESIDE, KEYS } from '../../store/redis/keys';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import type { EmailQueue } from '../layout/queues';
import { createQueueIndex } from './queue-index';

/** A copy as it waits. It holds its message in the content store by itself, whatever becomes of the email. */
export interface ArchiveCopy {
  /** Of the email. */
  email: string;
  /** When the server took it, ms since 1970. */
  sentAt: number;
  /** As it was handed over. */
  message: StoredRaw;
  messageId: string;
  transport: string;
  /** Addresses that a server took it for. */
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

/** The same for the same message, however often it is handed over; another one for each message of the email that a server took. */
export const copyIdOf = (email: string, contentId: string): string => `${email}-${contentId.slice(-16)}`;

/** In whose name a copy holds its message (libs/store/contents/content-refs.ts). */
export const copyMember = (email: string): string => `copy:${email}`;

const { announce, queues, dropIdle } = createQueueIndex(KEYS.copies, BESIDE.copies);

/** The queues that may hold copies. */
export const queuesWithCopies = queues;

/** Takes out queues that hold none and have not held any for a while. */
export const dropIdleCopies = dropIdle;

/** In Lua: `keepCopy` writes what `copyArgument` gave. What waits already stays as it is. */
export const COPIES = `
local function keepCopy(prefix, copy, now)
  if copy == '' then return end
  local id, record = string.match(copy, '^(%S+) (.*)$')
  redis.call('HSETNX', prefix .. '${BESIDE.copies}', id, record)
  redis.call('ZADD', prefix .. '${BESIDE.copiesDue}', 'NX', now, id)
end
`;

/** What a server took. */
export interface Taken {
  id: string;
  email: StoredEmail;
  message: StoredRaw;
  settings: ResolvedSettings;
  /** ms since 1970 */
  at: number;
  /** Addresses of the envelope that it was taken for; everybody where none is named. */
  accepted: string[];
}

const copyOf = ({ id, email, message, settings, at, accepted }: Taken, archiveTo: ArchiveTo): ArchiveCopy => {
  const have = new Set(accepted.map(normalizeAddress));
  const those = (list: Address[] = []): string[] =>
    list.map(({ address }) => address).filter((one) => have.size === 0 || have.has(normalizeAddress(one)));
  const [cc, bcc] = [those(email.cc), those(email.bcc)];
  return {
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

/**
 * Before it is written: the message is held for the archive, and the queue is named to whoever hands copies over. Where nothing follows,
 * the reconciler lets go of it.
 * @returns what the scripts take
 * @throws what Redis says against it
 */
export const copyArgument = async ({ redis, refs }: CopyDeps, queue: EmailQueue, taken: Taken): Promise<string> => {
  const { archiveTo } = taken.settings;
  if (archiveTo === undefined) return '';
  const copy = copyOf(taken, archiveTo);
  const { contentId, size } = copy.message;
  await announce(redis, queue);
  await refs.claim(queue.address, copyMember(copy.email), [{ contentId, size }]);
  return `${copyIdOf(copy.email, contentId)} ${JSON.stringify(copy)}`;
};

// KEYS: BullMQ's prefix. ARGV: what `copyArgument` gave, now. Result: 1. Atomic: no copy without its time.
const keepScript = defineScript(`${COPIES}
keepCopy(KEYS[1], ARGV[1], ARGV[2])
return 1`);

/** Of an email that some recipients have and that is not over. */
export const keepCopy = async (deps: CopyDeps, queue: EmailQueue, taken: Taken): Promise<void> => {
  const copy = await copyArgument(deps, queue, taken);
  if (copy !== '') await keepScript(deps.redis, [queue.keys.bull], [copy, taken.at]);
};
