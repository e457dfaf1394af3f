// Hands copies over to the archives of queues, for as long as some wait: each queue by itself, so that no archive holds up another one.
import { setTimeout as pause } from 'node:timers/promises';
import { retryDelay } from '../../../libs/events/webhooks/retry-times';
import { dueCopies, settleAgain, settleTaken, type CopiesDeps } from '../../../libs/jobs/traces/archive-copies';
import { queuesWithCopies, type ArchiveCopy } from '../../../libs/jobs/traces/archive-copy';
import type { EmailQueue, Queues } from '../../../libs/jobs/layout/queues';
import { uptime } from '../../../libs/runtime/clock';
import { messageOf } from '../../../libs/runtime/fault';
import type { Log } from '../../../libs/runtime/log';
import { IN_MEMORY } from '../../../libs/send/message/message';
import type { Installation } from '../../../libs/store/registries/installation';
import type { Tenants } from '../../../libs/store/registries/tenants';
import { giveCopy, type Given, type GiveCopyDeps } from './give-copy';
import { createTurns } from './turns';

/** How often it is looked which copies are due, ms. */
const LOOK_MS = 250;
/** Copies of a queue that are handed over at once; of one whose archive fails only the first is tried. */
const AT_ONCE = 10;
/** Where others wait, a queue goes on for so long and then to the end of the line. */
const SLICE_MS = 2_000;
/** Nobody waits longer for the next attempt, ms: there is no last one. */
const LONGEST_PAUSE_MS = 10 * 60_000;

export interface HandCopiesDeps extends GiveCopyDeps, CopiesDeps {
  queues: Queues;
  tenants: Pick<Tenants, 'queue'>;
  installation: Pick<Installation, 'pauseNote'>;
  log: Log;
}

/** One copy, handed over and settled. */
const createHand = (deps: HandCopiesDeps) => {
  const { redis, clock } = deps;

  /** A content store that is away, or has lost the message, is told as what the archive did not take it for. */
  const give = async (queue: EmailQueue, copy: ArchiveCopy, signal: AbortSignal): Promise<Given> => {
    const now = (await deps.tenants.queue(queue.address))?.settings.archiveTo;
    try {
      return await giveCopy(deps, queue.address, copy, now ?? copy.archiveTo, signal);
    } catch (error) {
      signal.throwIfAborted();
      return { kind: 'refused', text: messageOf(error) };
    }
  };

  /** @returns whether the archive took it */
  return async (queue: EmailQueue, copy: ArchiveCopy, signal: AbortSignal): Promise<boolean> => {
    const given = await give(queue, copy, signal);
    const now = clock.now();
    if (given.kind === 'taken') {
      await settleTaken(deps, queue, copy, now);
      return true;
    }
    if (given.kind === 'later') {
      await settleAgain(redis, queue, copy, { now, nextAt: given.until });
      return false;
    }
    const { text, retryAfter } = given;
    if (copy.attempts === 0)
      deps.log.warn({ queue: queue.name, email: copy.email, why: text }, 'the archive did not take it; tried again');
    const nextAt = now + Math.min(LONGEST_PAUSE_MS, retryDelay(copy.attempts + 1, retryAfter));
    await settleAgain(redis, queue, copy, { now, nextAt, error: text });
    return false;
  };
};

/** Large messages are held one at a time. */
const isLarge = ({ message }: ArchiveCopy): boolean => message.size > IN_MEMORY;

/** @returns one run of the duty: it goes on for as long as copies may wait */
export const createHandCopies = (deps: HandCopiesDeps) => {
  const hand = createHand(deps);
  /** Queues whose archive did not take what it was handed last. */
  const failing = new Set<string>();
  /** While everything waits for a person, nothing leaves. */
  const isPaused = async (): Promise<boolean> => (await deps.installation.pauseNote()) !== undefined;

  /** @param isOver says that it is somebody else's turn */
  const handDue = async (queue: EmailQueue, signal: AbortSignal, isOver: () => boolean): Promise<void> => {
    do {
      if (await isPaused()) return;
      const most = failing.has(queue.name) ? 1 : AT_ONCE;
      const due = await dueCopies(deps.redis, queue, deps.clock.now(), most);
      if (due.length === 0) return;
      // All are over before the next turn of the queue: it would find those that are still being handed over due.
      const handed = await Promise.allSettled(
        due.filter((copy) => !isLarge(copy)).map((copy) => hand(queue, copy, signal)),
      );
      const taken = handed.map((one) => {
        if (one.status === 'rejected') throw one.reason;
        return one.value;
      });
      for (const copy of due.filter(isLarge)) taken.push(await hand(queue, copy, signal));
      if (taken.includes(true)) failing.delete(queue.name);
      else failing.add(queue.name);
      if (taken.includes(false)) return;
    } while (!isOver());
  };

  return async (signal: AbortSignal): Promise<void> => {
    const onFault = (error: unknown): void => {
      if (!signal.aborted) deps.log.error({ error }, 'copies for an archive could not be handed over; tried again');
    };
    const turns = createTurns((address) => {
      const until = uptime() + SLICE_MS;
      const isOver = (): boolean => signal.aborted || (uptime() > until && turns.isWanted(address));
      return handDue(deps.queues.open(address), signal, isOver).catch(onFault);
    });
    try {
      for (;;) {
        const found = await queuesWithCopies(deps.redis);
        if (found.length === 0 || signal.aborted) break;
        if (!(await isPaused())) turns.offer(found);
        await pause(LOOK_MS, undefined, { signal, ref: false }).catch(() => undefined);
      }
    } finally {
      // The next run, here or elsewhere, would offer a queue that is still being served.
      await turns.end();
    }
  };
};
