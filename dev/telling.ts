// How the launcher talks to people: expected reasons to stop, lines to read, paths as one would type them.
import { relative } from 'node:path';

/** Takes a line for people to read. */
export type Say = (line: string) => void;

/** An expected reason to stop; its message is shown as it is, without a stack. */
export class StopError extends Error {
  override name = 'StopError';
}

/** What to show of anything that was thrown. */
export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** A path as one would type it here. */
export const shownPath = (path: string): string => {
  const near = relative(process.cwd(), path);
  return near === '' || near.startsWith('..') ? path : near;
};
