// How far the mailbox of a return path was read, and what stood in the way: written by the worker that reads, shown to people.
import { KEYS, tenantKeys } from '../redis/keys';
import type { Redis } from '../redis/redis';

export interface MailboxState {
  /** Of the transport, when it was read: after a correction it is read at once. */
  version: number;
  /** Server, user and folder that the numbers below are of. */
  of: string;
  /** UIDs are good as long as this stays (RFC 9051 2.3.1.1); a decimal number, '' before the first visit. */
  uidValidity: string;
  /** Every message up to this UID was looked at. */
  lastUid: number;
  /** A message at which the connection ended, and how often; `taken`: its report was taken, and could not be put away. */
  hard?: { uid: number; times: number; taken?: true } | undefined;
  /** Visits in a row that began, and of whose end nobody has said anything: what was read may have ended the process. */
  begun?: number | undefined;
  /** ms since 1970, as all times here. */
  checkedAt?: number;
  nextAt: number;
  /** Reports that were taken so far, and when the last one was. */
  reports: number;
  reportAt?: number;
  /** Visits that failed in a row, since when, and why the last one did. */
  failing?: { times: number; since: number; words: string } | undefined;
  /** What went wrong with single messages at the last visit that found any. */
  note?: string | undefined;
}

const asksNow = (transport: string): string => `${transport}:now`;

export const createMailboxStates = ({ redis }: { redis: Redis }) => {
  const keyOf = (tenant: string): string => tenantKeys(tenant).bounceMailboxes;
  return {
    /** @returns undefined where it was never read */
    async read(tenant: string, transport: string): Promise<MailboxState | undefined> {
      const text = await redis.hget(keyOf(tenant), transport);
      return text === null ? undefined : (JSON.parse(text) as MailboxState);
    },
    async write(tenant: string, transport: string, state: MailboxState): Promise<void> {
      await redis.hset(keyOf(tenant), transport, JSON.stringify(state));
    },
    /** The transport, or its mailbox, is not there any more. */
    async forget(tenant: string, transport: string): Promise<void> {
      await redis.hdel(keyOf(tenant), transport);
    },
    /** The next round of the worker that reads takes it, whatever it waits for. */
    async ask(tenant: string, transport: string): Promise<void> {
      await redis.hset(keyOf(tenant), asksNow(transport), '1');
    },
    /** @returns whether somebody had asked */
    async taken(tenant: string, transport: string): Promise<boolean> {
      return (await redis.hdel(keyOf(tenant), asksNow(transport))) === 1;
    },
    /** Of all mailboxes of a tenant. @param present transports that have one: what is left of others goes */
    async all(
      tenant: string,
      present: readonly string[],
    ): Promise<Map<string, { state?: MailboxState; asked: boolean }>> {
      const fields = await redis.hgetall(keyOf(tenant));
      const known = new Set(present.flatMap((name) => [name, asksNow(name)]));
      const gone = Object.keys(fields).filter((field) => !known.has(field));
      if (gone.length > 0) await redis.hdel(keyOf(tenant), ...gone);
      return new Map(
        present.map((name) => {
          const text = fields[name];
          const asked = fields[asksNow(name)] !== undefined;
          return [name, { ...(text !== undefined && { state: JSON.parse(text) as MailboxState }), asked }];
        }),
      );
    },
    tenants: (): Promise<string[]> => redis.hkeys(KEYS.tenants),
  };
};

export type MailboxStates = ReturnType<typeof createMailboxStates>;
