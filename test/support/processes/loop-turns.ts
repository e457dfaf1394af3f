// How long the main thread of a process kept everything else waiting, as `tell-turns.mjs` measures it in there.
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';

/** What the process loads first. */
export const LOOP_TURNS = join(__dirname, 'tell-turns.mjs');

/** The longest turn of an event loop, ms. */
export interface Turn {
  /** By the clock: also what the process waited for a processor. */
  wall: number;
  /** Of the main thread's CPU time: nobody else on the machine makes it longer. */
  cpu: number;
}

/** @param child was started with `tell-turns.mjs`. @returns the longest turn since it was last asked */
export const longestTurn = (child: ChildProcess): Promise<Turn> =>
  new Promise((resolve, reject) => {
    const onEnd = (): void => reject(new Error('the process ended before it said how long its turns were'));
    const onMessage = (message: { turn?: Turn }): void => {
      if (message.turn === undefined) return;
      child.off('message', onMessage).off('exit', onEnd);
      resolve(message.turn);
    };
    child.on('message', onMessage).once('exit', onEnd);
    child.send('longest turn');
  });
