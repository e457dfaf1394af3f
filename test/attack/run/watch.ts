// Watches processes while they are attacked: how long their main threads keep others waiting, and how much memory they have.
import { readFileSync } from 'node:fs';
import type { Child } from '../../../bench/support/child';
import { longestTurn } from '../../support/processes/loop-turns';

/** A turn of an event loop that is longer is a stall. ms */
export const STALL_MS = 250;
const LOOK_MS = 250;

export interface Stall {
  process: string;
  /** When it was found, ms since 1970: it ended in the quarter of a second before. */
  at: number;
  ms: number;
}

export interface Watched {
  /** The longest turn by the clock and of the main thread's own CPU, ms. */
  wall: number;
  cpu: number;
  /** Turns of more than STALL_MS of CPU; by the clock alone, the machine may be to blame. */
  stalls: Stall[];
  wallStalls: number;
  /** Resident memory, bytes: every look. */
  memory: number[];
}

export interface Watch {
  /** Stops watching. @returns what was seen, by the name of the process */
  end(): Promise<Record<string, Watched>>;
}

const residentBytes = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

const hasEnded = ({ process: child }: Child): boolean => child.exitCode !== null || child.signalCode !== null;

/** @param children each loaded with `tell-turns.mjs` */
export const watch = (children: Record<string, Child>): Watch => {
  let ending = false;
  const look = async (name: string, child: Child, seen: Watched): Promise<void> => {
    const { wall, cpu } = await longestTurn(child.process);
    seen.wall = Math.max(seen.wall, wall);
    seen.cpu = Math.max(seen.cpu, cpu);
    if (wall > STALL_MS) seen.wallStalls++;
    if (cpu > STALL_MS) seen.stalls.push({ process: name, at: Date.now(), ms: cpu });
    seen.memory.push(residentBytes(child.process.pid ?? 0));
  };
  const follow = async ([name, child]: [string, Child]): Promise<[string, Watched]> => {
    const seen: Watched = { wall: 0, cpu: 0, stalls: [], wallStalls: 0, memory: [] };
    // What came before the attack is not of it.
    await longestTurn(child.process);
    while (!ending && !hasEnded(child)) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      if (!hasEnded(child)) await look(name, child, seen).catch(() => undefined);
    }
    return [name, seen];
  };
  const followed = Promise.all(Object.entries(children).map(follow));
  return {
    end: async () => {
      ending = true;
      return Object.fromEntries(await followed);
    },
  };
};
