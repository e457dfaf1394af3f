// What JSON from outside may look like, whoever sends it: not too deep, and no keys that change prototypes.

/** Nested deeper than this is an attack, not data; recursion stays safe below it. */
const DEEPEST = 32;
/** Keys that change an object's prototype in careless code. */
const POISON = new Set(['__proto__', 'constructor', 'prototype']);

/** @returns what is wrong and where (a JSON Pointer; none where it is about the whole), or undefined */
export const shapeFault = (given: unknown): { path?: string; text: string } | undefined => {
  let level: { value: unknown; path: string }[] = [{ value: given, path: '' }];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST) return { text: `is nested deeper than ${DEEPEST} levels` };
    const next: typeof level = [];
    for (const { value, path } of level) {
      if (typeof value !== 'object' || value === null) continue;
      for (const [key, inner] of Object.entries(value)) {
        if (POISON.has(key)) return { path: `${path}/${key}`, text: `has the key ${key}, which is not allowed` };
        next.push({ value: inner as unknown, path: `${path}/${key}` });
      }
    }
    level = next;
  }
  return undefined;
};
