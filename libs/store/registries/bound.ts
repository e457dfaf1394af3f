// How much a registry may hold of a tenant: asked for in the script that writes, so that no two writers pass it together.
import type { Problem } from '../../mail/input/problem';

export interface Bound {
  /** 0 where nothing new may come. */
  most: number;
  /** Redis is short of memory: what is there may be changed, and not become long. */
  isShort: boolean;
  /** What whoever wants more is told. */
  refuse(): Problem;
}

/** A record of so many characters may be changed where memory is short, a longer one only to one that is no longer. */
const SMALL = 4_096;

/** @throws Problem where memory is short and a record that is there would become large */
export const requireSmall = (bound: Bound | undefined, before: string, after: string): void => {
  if (bound?.isShort === true && after.length > Math.max(SMALL, before.length)) throw bound.refuse();
};
