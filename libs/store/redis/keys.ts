// The birthplace of every Redis key, channel and queue prefix; docs/decisions/0003-data-format.md lists them.
import { ASIDE_STATES } from '../../mail/email/state';
import { queueName, type QueueAddress } from '../../mail/address/queue-address';

export const ROOT = 'rohrpost';

/** What belongs to the installation. */
export const KEYS = {
  /** The version of the data format in this Redis. */
  format: `${ROOT}:format`,
  /** Sorted set: queue name -> when a worker must look at it (ms). */
  due: `${ROOT}:{fleet}:due`,
  /** Sorted set: queue name -> when its next email expires or must be removed (ms). */
  upkeep: `${ROOT}:{fleet}:upkeep`,
  /** Sorted set: queues that may hold emails with a cause -> when that was said last (ms). */
  causes: `${ROOT}:{fleet}:causes`,
  /** Sorted set: queues that may hold copies for their archive -> when that was said last (ms). */
  copies: `${ROOT}:{fleet}:copies`,
  /** Sorted sets: queues that may be paused, and `tenant/transport` that may be down -> when that was said last (ms). */
  paused: `${ROOT}:{fleet}:paused`,
  down: `${ROOT}:{fleet}:down`,
  events: {
    /** Hash: since when and until when events are written, and the last that was taken out of the stream. */
    state: `${ROOT}:{events}:state`,
    /** Stream of all events of the last day: where, and what. */
    stream: `${ROOT}:{events}:stream`,
    /** Hash: queue name -> the last entry of its outbox that is in the stream. */
    moved: `${ROOT}:{events}:moved`,
    /** Sorted set: names of outboxes that may hold something -> when that was said last (ms); and a set of those with news. */
    outboxes: `${ROOT}:{fleet}:outboxes`,
    fresh: `${ROOT}:{fleet}:outboxes-fresh`,
    /** Sorted set: tenants that may have webhooks -> when that was said last (ms). */
    followed: `${ROOT}:{events}:followed`,
  },
  /** Hash: worker -> what it says of itself, as JSON; and a sorted set: worker -> its last sign (ms). */
  workers: `${ROOT}:{fleet}:workers`,
  workersSeen: `${ROOT}:{fleet}:workers-seen`,
  /** Hash: who does a duty of the installation now, and when it is due again. */
  duty: (name: string) => `${ROOT}:duty:${name}`,
  tenants: `${ROOT}:tenants`,
  /** Hash: the name of a key of ROHRPOST_SECRET_KEYS -> how many secrets were sealed with it when they were last counted. */
  secretKeys: `${ROOT}:secret-keys`,
  /** Hash: the name of such a key -> what tags of return paths are proven with, derived from it (libs/store/reports/tag-keys.ts). */
  tagKeys: `${ROOT}:tag-keys`,
  apiKeys: `${ROOT}:api-keys`,
  /** Hash: id of a key -> when it was used last (ms), to the minute. */
  apiKeyUses: `${ROOT}:api-key-uses`,
  /** How requests are counted (rate-limiter-flexible): wrong keys and wrong sign-ins by network, requests by key with a rate. */
  wrongKeys: `${ROOT}:wrong-keys`,
  wrongProofs: `${ROOT}:wrong-proofs`,
  keyRate: `${ROOT}:key-rate`,
  /** By a hash of network and key: it was right from there within a day. */
  rightKey: (hash: string) => `${ROOT}:right-key:${hash}`,
  /** A person's session at the console, by a hash of its token; and the sessions of a key. */
  session: (hash: string) => `${ROOT}:session:${hash}`,
  /** What a link signs in, by a hash of its token: it can be followed once. */
  sessionOnce: (hash: string) => `${ROOT}:session-once:${hash}`,
  sessionsOf: (key: string) => `${ROOT}:sessions-of:${key}`,
  audit: `${ROOT}:audit`,
  /** A copy of the audit without one person, in its slot, and how many such have taken its place (libs/events/redact-audit.ts). */
  auditCopy: (name: string) => ({
    copy: `${ROOT}:audit-copy:{${ROOT}:audit}:${name}`,
    copies: `${ROOT}:audit-copies:{${ROOT}:audit}`,
  }),
  /** Who paused the whole installation, as JSON; absent while it sends. */
  pause: `${ROOT}:pause`,
  /** How far the installation has come, as JSON (libs/events/epoch/epoch.ts). */
  epoch: `${ROOT}:epoch`,
  /** Hash: id of an operation -> the person that it erased, as a keyed hash, in JSON (libs/store/suppressions/erasure-marks.ts). */
  erasures: `${ROOT}:erasures`,
  /** Written before it is asked how far writes have come (libs/store/durability/durability.ts). */
  durability: `${ROOT}:durability`,
  /** Sorted set: the tenant's operations that are not done with -> when they were asked for (ms). */
  pendingOperations: (tenant: string) => `${ROOT}:{_operations}:pending:${tenant}`,
  /** Sorted set: the tenant's operations that are kept, done with or not -> when they were asked for (ms). */
  keptOperations: (tenant: string) => `${ROOT}:{_operations}:kept:${tenant}`,
  /** Until when operations were asked for that a restore has ended (ms). */
  operationsEnded: `${ROOT}:{_operations}:ended`,
  operation: (id: string) => `${ROOT}:operation:${id}`,
  /**
   * In which queues emails may be found (libs/jobs/layout/whereabouts.ts): sorted sets of `slice of time\0queue`, by their newest
   * email (ms), of the installation and of a tenant (`slice\0application`); hashes of the queues' numbers and of their names
   * by these; of each sign a bitmap of queues by number; and that nothing is missing there.
   */
  slices: `${ROOT}:{whereabouts}:slices`,
  slicesOf: (tenant: string) => `${ROOT}:{whereabouts}:slices:${tenant}`,
  queueNumbers: `${ROOT}:{whereabouts}:numbers`,
  numberedQueues: `${ROOT}:{whereabouts}:names`,
  sign: (number: number) => `${ROOT}:{whereabouts}:sign:${number}`,
  whereaboutsWhole: `${ROOT}:{whereabouts}:whole`,
  /** Which queues hold a content, in a set; and the sign that its bytes are being removed. */
  content: (id: string) => `${ROOT}:{${id}}:queues`,
  contentRemoval: (id: string) => `${ROOT}:{${id}}:removal`,
};

/** Channels of publish/subscribe. */
export const CHANNELS = {
  /** A setting changed: `<kind> <id>`. */
  changed: `${ROOT}:changed`,
  /** A queue has work: `<queue name> <due ms>`. */
  wake: `${ROOT}:wake`,
};

/** A key of the same slot as this one that is never there (libs/store/redis/script.ts). */
export const absentKey = (key: string): string => `${ROOT}:absent:{${/\{([^}]+)\}/.exec(key)?.[1] ?? key}}`;

/** What belongs to one tenant; the braces keep a tenant's keys in one slot of a Redis Cluster. */
export const tenantKeys = (tenant: string) => ({
  queues: `${ROOT}:{${tenant}}:queues`,
  transports: `${ROOT}:{${tenant}}:transports`,
  /** The sealed secrets that requests to the tenant's data sources are signed with. */
  signingSecrets: `${ROOT}:{${tenant}}:signing-secrets`,
  /** Hash: template name -> its present version. */
  templates: `${ROOT}:{${tenant}}:templates`,
  /** Hash: template name -> the last number given; survives a removal, so that no number is given twice (templates.ts: of many). */
  templateNumbers: `${ROOT}:{${tenant}}:template-numbers`,
  template: (name: string) => `${ROOT}:{${tenant}}:template:${name}`,
  /** Hash: template name -> bytes of all its versions. */
  templateBytes: `${ROOT}:{${tenant}}:template-bytes`,
  /** Hash: emails by slice of each window that its limits name; `:under-way` and `:connections` beside it. */
  limits: (transport: string) => `${ROOT}:{${tenant}}:limits:${transport}`,
  /** Hash: the access token that its server takes, sealed, and until when it is good. */
  accessToken: (transport: string) => `${ROOT}:{${tenant}}:access-token:${transport}`,
  /** Who asks for a new one; nobody else does meanwhile. */
  accessTokenLock: (transport: string) => `${ROOT}:{${tenant}}:access-token:${transport}:lock`,
  /** Hash: to how few connections the transport was lowered, since when (ms), and the server's words. */
  lowered: (transport: string) => `${ROOT}:{${tenant}}:lowered:${transport}`,
  /** Hash: transport -> how far the mailbox of its return path was read, as JSON; `<transport>:now` -> somebody wants it read at once. */
  bounceMailboxes: `${ROOT}:{${tenant}}:bounce-mailboxes`,
  /** Hash: how the transport has failed lately; absent while it is well. */
  breaker: (transport: string) => `${ROOT}:{${tenant}}:breaker:${transport}`,
  /** Hash: name of a webhook -> its settings, as JSON. */
  webhooks: `${ROOT}:{${tenant}}:webhooks`,
  /** Hash: suppressed address -> why, as JSON; and a sorted set of the addresses, all of one score, so that they sort by name. */
  suppressions: `${ROOT}:{${tenant}}:suppressions`,
  suppressedNames: `${ROOT}:{${tenant}}:suppressed-names`,
  /** Hash: keyed hash of an address that was erased -> why it is suppressed, as JSON; and the key, sealed (erased.ts). */
  erasedSuppressions: `${ROOT}:{${tenant}}:erased-suppressions`,
  erasedKey: `${ROOT}:{${tenant}}:erased-key`,
});

/**
 * Patterns (of SCAN) of what a tenant leaves that is removed, its queues being gone: all of its own, and what its queues remember
 * of requests. A tenant's name is a slug, which has no character of patterns. Emails are not among it: whoever accepted one while
 * the tenant was removed has promised it.
 */
export const formerKeys = (tenant: string): string[] => [
  `${ROOT}:{${tenant}}:*`,
  `${ROOT}:{${tenant}.*}:key:*`,
  `${ROOT}:{${tenant}.*}:idempotency:*`,
];

/** BullMQ's prefix of a queue: the braces put all of a queue's keys into one slot. */
export const queuePrefix = (name: string): string => `${ROOT}:{${name}}`;

/** The outbox of a queue by its name, or of a tenant. */
export const outboxOf = (name: string): string =>
  name.includes('.') ? `${queuePrefix(name)}:${name}:${BESIDE.outbox}` : `${ROOT}:{${name}}:outbox`;

/** What belongs to one queue, beside BullMQ's own keys. */
export const queueKeys = (address: QueueAddress) => {
  const name = queueName(address);
  const prefix = queuePrefix(name);
  /** How BullMQ begins each of its keys. */
  const bull = `${prefix}:${name}:`;
  return {
    bull,
    job: (id: string) => `${bull}${id}`,
    lock: (id: string) => `${bull}${id}:lock`,
    log: (id: string) => `${bull}${id}:logs`,
    /** Sorted set of ids, which sort by time: "newest first" over all states. */
    byTime: `${prefix}:by-time`,
    /** Sorted set of `domain\0local part\0inverted id`: by recipient, then newest first. */
    byAddress: `${prefix}:by-domain`,
    /** Sorted set of `address\0inverted id`: the same of earlier versions, which the reconciler takes over. */
    byAddressBefore: `${prefix}:by-address`,
    /** Sorted set of unfinished emails: id -> when it expires (ms). */
    upkeep: `${prefix}:upkeep`,
    /** Every key of `BESIDE`. */
    beside: [
      BESIDE.putBack,
      BESIDE.deferred,
      BESIDE.byCause,
      BESIDE.causes,
      BESIDE.sealed,
      BESIDE.copies,
      BESIDE.copiesDue,
      BESIDE.copiesByEmail,
      BESIDE.copiesState,
      ...ASIDE_STATES.map((state) => BESIDE.aside + state),
    ].map((set) => bull + set),
    /** `BESIDE.sealed`. */
    sealed: bull + BESIDE.sealed,
    /** Hash: emails by slice of the window that the queue's rate names; `:under-way` beside it. */
    rate: `${prefix}:rate`,
    /** Sorted set of finished emails: id -> when it has to be removed (ms). */
    finished: `${prefix}:finished`,
    /** What was answered to a request, by the first half of its key's hash; by the whole of it in earlier versions. */
    idempotency: (hash: string) => `${prefix}:key:${hash}`,
    idempotencyBefore: (hash: string) => `${prefix}:idempotency:${hash}`,
    /** How hashes begin of the ids of emails that once were (libs/jobs/layout/tombstones.ts). */
    gone: `${prefix}:gone:`,
    /** The job of an email that is being removed, until everything that belongs to it is erased. */
    removal: (id: string) => `${prefix}:removal:${id}`,
    /** Sorted set of the emails (and uploads) that need a content: member -> until when (ms, or +inf). */
    content: (id: string) => `${prefix}:content:${id}`,
    /** Hash: content id -> bytes of what this queue needs, and their `total`. */
    contents: `${prefix}:contents`,
    /** Sorted set: content id -> until when an upload waits for its email (ms). */
    uploads: `${prefix}:uploads`,
  };
};

export type QueueKeys = ReturnType<typeof queueKeys>;

/**
 * Sets of ours beside BullMQ's, each under the queue's BullMQ prefix: what BullMQ's sets do not tell apart is counted by them
 * (libs/jobs/read/counts.ts). Kept by the scripts of libs/queue/transitions, mended by the reconciler.
 */
export const BESIDE = {
  /** Delayed emails that do not wait for a time of their own: id -> when they are tried again (ms). */
  putBack: 'rp:put-back',
  /** Those of them that an attempt was counted for: id -> when the email expires (ms). */
  deferred: 'rp:deferred',
  /** Emails of the failed set in one state of their own: this and the state. */
  aside: 'rp:aside:',
  /** Emails by why they stand unsent or were not sent yet: sorted set of `cause\0inverted id` (libs/jobs/traces/enter-cause.ts). */
  byCause: 'rp:by-cause',
  /** Hash: cause -> what it is, as JSON; `<cause>:first` and `<cause>:last` -> since when, and when last (ms). */
  causes: 'rp:causes',
  /** Hashes: what was counted by hour and by day; this, `h` or `d`, and a number (libs/jobs/traces/tallies.ts). */
  tallies: 'rp:tallies:',
  /** Stream: events that the relay has not moved yet. */
  outbox: 'rp:outbox',
  /** Hash: id of an email that is confidential and did not end -> the name of the key that it is sealed with. */
  sealed: 'rp:sealed',
  /** Hash: id of a copy that waits for the queue's archive -> what it is, as JSON (libs/jobs/traces/archive-copy.ts). */
  copies: 'rp:copies',
  /** Sorted set: the same -> when it is handed over, or handed over again (ms). */
  copiesDue: 'rp:copies-due',
  /** Sorted set: the same, all of one score: those of an email stand together. */
  copiesByEmail: 'rp:copies-by-email',
  /** Hash: since when the archive takes nothing, when it last took something (ms), and the last error. */
  copiesState: 'rp:copies-state',
} as const;

/** BullMQ keeps a delayed job under `ms * 4096 + counter` (getDelayedScore.lua). */
export const SCORE_UNIT = 4_096;
