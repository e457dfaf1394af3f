// Which operations may go on: none of a backup, and none at all before it was told whether what Redis holds is one.
import { UnrecoverableError, type Job, type Queue } from 'bullmq';
import { setTimeout as pause } from 'node:timers/promises';
import { Problem } from '../mail/input/problem';
import { uptime } from '../runtime/clock';
import { KEYS } from '../store/redis/keys';
import type { Redis } from '../store/redis/redis';
import { mayBeBackup, type Installation } from '../store/registries/installation';
import type { Line } from './operation-line';

/** An operation that may not go on now is looked at again after this. */
const SHUT_MS = 1_000;
/** How often it is looked whether one has stopped. */
const LOOK_MS = 100;

export interface OperationGate {
  /** Whether one that was asked for at this time (ms since 1970) goes on, waits, or has ended without being done. */
  ask(askedAt: number): Promise<'open' | 'shut' | 'ended'>;
  /** No operation goes on that was asked for until then, ms since 1970. */
  endBefore(before: number): Promise<void>;
}

/** @throws from its methods: whatever Redis answers */
export const createOperationGate = (redis: Redis, installation: Pick<Installation, 'readPause'>): OperationGate => {
  const endedUntil = async (): Promise<number> => Number((await redis.get(KEYS.operationsEnded)) ?? -Infinity);
  return {
    async ask(askedAt) {
      const [until, pause] = await Promise.all([endedUntil(), installation.readPause()]);
      if (askedAt <= until) return 'ended';
      return mayBeBackup(pause) ? 'shut' : 'open';
    },
    async endBefore(before) {
      if (before > (await endedUntil())) await redis.set(KEYS.operationsEnded, before);
    },
  };
};

/** Asked before an operation is begun, and before each of its steps. @throws DelayedError, UnrecoverableError where it may not go on */
export const createPass =
  (gate: OperationGate | undefined, line: Line) =>
  async ({ id = '', timestamp }: Job, token: string): Promise<void> => {
    const answer = (await gate?.ask(timestamp)) ?? 'open';
    if (answer === 'ended')
      throw new UnrecoverableError('a backup was restored: ask again for what is still to be done');
    if (answer === 'open') return;
    await pause(SHUT_MS);
    await line.putBack(id, token);
  };

/**
 * Those that wait end when it is their turn; one that is at work now stops before its next step.
 * @param patience ms
 * @throws Problem `unavailable` where one has not stopped by then
 */
export const endBefore = async (gate: OperationGate | undefined, queue: Queue, before: number, patience: number) => {
  await gate?.endBefore(before);
  const until = uptime() + patience;
  for (;;) {
    const active = (await queue.getActive()) as (Job | undefined)[];
    if (!active.some((job) => job !== undefined && job.timestamp <= before)) return;
    if (uptime() > until)
      throw new Problem('unavailable', 'operations of the backup are still under way: restore once more');
    await pause(LOOK_MS);
  }
};
