// Who changed what, when: settings and emails, for an administrator to read later.
import type { Clock } from '../runtime/clock';
import { KEYS } from '../store/redis/keys';
import type { Redis } from '../store/redis/redis';

export interface AuditEntry {
  /** ISO 8601 */
  at: string;
  by: string;
  what: string;
  tenant?: string;
  application?: string;
  /** The email, key, transport or template that was changed. */
  target?: string;
  /** Why, where whoever did it said so. */
  reason?: string;
  /** What changed, never a secret. */
  fields?: Record<string, { before: unknown; after: unknown }>;
}

export interface AuditFilter {
  tenant?: string | undefined;
  application?: string | undefined;
  /** A part of who did it, as the record signs it; letters of either case. */
  by?: string | undefined;
  /** A part of what was done, or of what it was done to; as above. */
  about?: string | undefined;
  /** ISO 8601; what is older is not given. */
  since?: string | undefined;
  /** ISO 8601; what is of this time or younger is not given. */
  until?: string | undefined;
  limit: number;
  cursor?: string | undefined;
}

export interface Audit {
  record(entry: Omit<AuditEntry, 'at'>): Promise<void>;
  /** Newest first. */
  read(filter: AuditFilter): Promise<{ entries: AuditEntry[]; cursor?: string }>;
}

/** The oldest go first beyond this. */
const KEPT = 100_000;
const CHUNK = 500;
const MOST_READ = 10_000;

const holds = (text: string | undefined, part: string | undefined): boolean =>
  part === undefined || (text ?? '').toLowerCase().includes(part.toLowerCase());

const matches = (entry: AuditEntry, { application, by, about, until }: AuditFilter): boolean =>
  (application === undefined || entry.application === application) &&
  holds(entry.by, by) &&
  (holds(entry.what, about) || holds(entry.target, about)) &&
  (until === undefined || Date.parse(entry.at) < Date.parse(until));

export const createAudit = (deps: { redis: Redis; clock: Clock }): Audit => ({
  async record(entry) {
    const line = JSON.stringify({ at: new Date(deps.clock.now()).toISOString(), ...entry });
    await deps.redis.xadd(KEYS.audit, 'MAXLEN', '~', KEPT, '*', 'entry', line);
  },
  async read(filter) {
    const { tenant, since, limit, cursor } = filter;
    const earliest = since === undefined ? -Infinity : Date.parse(since);
    const entries: AuditEntry[] = [];
    let from = cursor === undefined ? '+' : `(${cursor}`;
    for (let read = 0; read < MOST_READ; read += CHUNK) {
      const rows = await deps.redis.xrevrange(KEYS.audit, from, '-', 'COUNT', CHUNK);
      for (const [id, [, line = '{}']] of rows) {
        from = `(${id}`;
        const entry = JSON.parse(line) as AuditEntry;
        if (tenant !== undefined && entry.tenant !== tenant) continue;
        // Newest first: all that follow are older.
        if (Date.parse(entry.at) < earliest) return { entries };
        if (!matches(entry, filter)) continue;
        entries.push(entry);
        if (entries.length === limit) return { entries, cursor: id };
      }
      if (rows.length < CHUNK) return { entries };
    }
    return { entries, cursor: from.slice(1) };
  },
});
