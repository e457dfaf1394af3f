// What the attack leaves to chance, the same for the same seed.
import { random } from '../../support/random';

export interface Draw {
  /** A whole number from 0 to below `end`. */
  below(end: number): number;
  pick<T>(from: readonly T[]): T;
  /** True in this share of the cases, 0 to 1. */
  chance(share: number): boolean;
  /** A whole number up to `most`, each order of magnitude as likely as another. */
  upTo(most: number): number;
}

export const createDraw = (seed: number): Draw => {
  const next = random(seed);
  const below = (end: number): number => Math.floor(next() * end);
  return {
    below,
    pick: <T>(from: readonly T[]): T => {
      if (from.length === 0) throw new Error('there is nothing to pick from');
      return from[below(from.length)] as T;
    },
    chance: (share) => next() < share,
    upTo: (most) => Math.max(1, Math.floor(Math.exp(next() * Math.log(most)))),
  };
};
