// Long work on the main thread lets others have their turn now and then.
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { uptime } from './clock';

/** Others wait no longer than about this for a long piece of work, ms. */
const LONGEST_MS = 10;

/** @returns to be awaited after each step: it pauses where the steps since the last pause took long */
export const createPauses = (): { pause(): Promise<void> } => {
  let since = uptime();
  return {
    async pause() {
      if (uptime() - since < LONGEST_MS) return;
      await yieldToOthers();
      since = uptime();
    },
  };
};
