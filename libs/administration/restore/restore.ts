// After a backup was put back: what may have left since waits for a person, then the installation goes on.
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { causeOf } from '../../mail/email/cause';
import type { Failure } from '../../mail/email/failure';
import { Problem } from '../../mail/input/problem';
import type { State } from '../../mail/email/state';
import type { QueueAddress } from '../../mail/address/queue-address';
import { tellingOf } from '../../jobs/layout/bullmq-events';
import type { EmailRecord } from '../../jobs/layout/email-record';
import { LOCK_MS, type EmailQueue, type Queues } from '../../jobs/layout/queues';
import { DUE_NOW, type Schedule } from '../../jobs/layout/schedule';
import { listEmails } from '../../jobs/read/list';
import { withdraw } from '../../jobs/transitions/withdraw';
import { allQueues } from '../../store/redis/all-queues';
import { announceUpkeep } from '../../store/redis/upkeep-index';
import type { Operations } from '../../internal-queues/operations';
import { BY_RESTORE } from '../../store/registries/installation';
import type { Tenants } from '../../store/registries/tenants';
import { advanceRedis, lookAtEpochs } from '../../events/epoch/epoch';
import type { WatchEpochDeps } from '../../events/epoch/watch-epoch';

export interface RestoreDeps extends Omit<WatchEpochDeps, 'log'> {
  queues: Queues;
  schedule: Schedule;
  tenants: Tenants;
  operations: Pick<Operations<unknown, unknown>, 'endBefore'>;
  /** Erases again whoever was erased since. Times in ms since 1970. */
  eraseAnew: (asked: { since: number; before: number; by: string }) => Promise<void>;
}

const DAY = 86_400_000;
const PAGE = 200;
const QUEUES_AT_ONCE = 200;

/** The lock of a worker that a backup holds has run out after this: who renews it still is alive. ms */
const LOCKED_MS = LOCK_MS + 2_000;
const AGAIN_MS = 500;

const IN_SEND_QUEUE: State[] = ['scheduled', 'queued', 'sending', 'deferred'];

export const RestoreInput = z
  .strictObject({
    since: z.iso
      .datetime({ offset: true })
      .optional()
      .meta({ description: 'When the backup was made: what may have left since becomes uncertain.' }),
    scheduled: z
      .boolean()
      .optional()
      .meta({ description: 'Emails whose time has not come, too: somebody may have sent them earlier.' }),
    confirm: z
      .literal(true)
      .optional()
      .meta({ description: 'Nothing becomes uncertain: what Redis holds, or that it is empty, is as it should be.' }),
  })
  .refine(({ since, confirm }) => (since === undefined) !== (confirm === undefined), {
    message: 'give either since, the time of the backup, or confirm, where nothing was restored',
  })
  .refine(({ since, scheduled }) => since !== undefined || scheduled === undefined, {
    path: ['scheduled'],
    message: 'goes with since',
  })
  .meta({ id: 'Restore', examples: [{ since: '2030-01-01T03:00:00Z' }] });

export interface Restored {
  /** Emails that became uncertain. */
  uncertain: number;
  /** Emails that a worker has in an attempt now: it knows what becomes of them. */
  sending: number;
}

/** One restore under way. */
interface Run {
  deps: RestoreDeps;
  by: string;
  /** The time of the backup; ISO 8601. */
  since: string;
  /** Emails accepted from then on are not of the backup; ms since 1970. */
  before: number;
  scheduled: boolean;
}

/** Left alone where its time has not come: nobody sent it but by hand. */
const mayHaveLeft = ({ scheduled }: Run, { state, nextAttemptAt = 0 }: EmailRecord, now: number): boolean =>
  scheduled || state !== 'scheduled' || nextAttemptAt <= now;

/** @returns what became of it, if anything */
const doubt = async (run: Run, queue: EmailQueue, record: EmailRecord): Promise<keyof Restored | undefined> => {
  const { redis, clock, tenants } = run.deps;
  const settings = await tenants.settings(queue.address, record.email);
  const now = clock.now();
  const failure: Failure = {
    code: 'uncertain',
    text: 'a backup was restored: it may have been sent between the backup and the restore',
  };
  const keepUntil = now + settings.errors.days * DAY;
  await announceUpkeep(redis, queue, keepUntil);
  const refusal = await withdraw(redis, queue, record.id, {
    failure,
    cause: causeOf(failure, { transport: settings.transport }),
    line: {
      kind: 'change',
      at: new Date(now).toISOString(),
      by: run.by,
      what: `restored from a backup of ${run.since}: may have been sent since`,
    },
    now,
    keepUntil,
    from: 'abandoned',
    transport: settings.transport,
    telling: tellingOf(queue, settings),
  });
  if (refusal === undefined) return 'uncertain';
  return refusal === 'sending' ? 'sending' : undefined;
};

const doubtQueue = async (run: Run, address: QueueAddress): Promise<Restored> => {
  const { deps, before } = run;
  const queue = deps.queues.open(address);
  const done: Restored = { uncertain: 0, sending: 0 };
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const now = deps.clock.now();
    const filter = { state: IN_SEND_QUEUE, until: before };
    const page = await listEmails(deps, queue, filter, { limit: PAGE, cursor, now });
    const asked = page.emails.filter((record) => mayHaveLeft(run, record, now));
    for (const became of await Promise.all(asked.map((record) => doubt(run, queue, record))))
      if (became !== undefined) done[became]++;
    cursor = page.cursor;
  }
  return done;
};

/** Until nothing is left but what living workers have. */
const doubtAll = async (run: Run): Promise<Restored> => {
  const all: Restored = { uncertain: 0, sending: 0 };
  const until = performance.now() + LOCKED_MS;
  for (;;) {
    all.sending = 0;
    for await (const addresses of allQueues(run.deps.redis, QUEUES_AT_ONCE))
      for (const address of addresses) {
        const { uncertain, sending } = await doubtQueue(run, address);
        all.uncertain += uncertain;
        all.sending += sending;
      }
    if (all.sending === 0 || performance.now() >= until) return all;
    await pause(AGAIN_MS);
  }
};

/** Redis and content store belong together from here on, and the installation sends again. */
const goOn = async (deps: RestoreDeps): Promise<void> => {
  const { redis, content, clock, installation, schedule } = deps;
  const next = await advanceRedis(deps, await lookAtEpochs(deps, clock.now()), clock.now());
  if (next === undefined) throw new Problem('unavailable', 'Redis was replaced meanwhile: restore once more');
  await content.writeEpoch(next);
  await installation.resume('restored');
  for await (const addresses of allQueues(redis, QUEUES_AT_ONCE))
    for (const address of addresses) await schedule.announce(deps.queues.open(address).name, DUE_NOW);
};

/**
 * Marks what may have left since the backup as `uncertain`, whatever `onUncertain` says, and lifts the pause. May be repeated:
 * what was ended by a crash in the middle goes on.
 * @throws Problem `invalid` where the time is ahead; whatever keeps it from its end: the pause stands then
 */
export const restore = async (
  deps: RestoreDeps,
  by: string,
  input: z.infer<typeof RestoreInput>,
): Promise<Restored> => {
  const { installation, audit, clock } = deps;
  const { since, scheduled = false } = input;
  if (since === undefined) {
    await goOn(deps);
    await audit.record({ by, what: 'data confirmed, installation resumed' });
    return { uncertain: 0, sending: 0 };
  }
  if (Date.parse(since) > clock.now())
    throw new Problem('invalid', `since is ahead: give the time at which the backup was made`, [
      { path: '/since', message: 'must not be ahead' },
    ]);
  const stood = await installation.readPause();
  await installation.pause(BY_RESTORE, `a backup of ${since} is being restored`, 'keep');
  // What was accepted after the start that found the backup was not in it. Where nothing is paused, all of it may be of later.
  const before = Math.max(Date.parse(since), stood === undefined ? 0 : Date.parse(stood.at));
  // First, so that none of them releases what is marked here; and before anything is sent: nobody who was erased is written to.
  await deps.operations.endBefore(before);
  await deps.eraseAnew({ since: Date.parse(since), before, by });
  const restored = await doubtAll({ deps, by, since, before, scheduled });
  await goOn(deps);
  const what = `restored from a backup of ${since}: ${restored.uncertain} emails may have been sent since; installation resumed`;
  await audit.record({ by, what });
  return restored;
};
