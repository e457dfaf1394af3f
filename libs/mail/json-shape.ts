// What JSON from outside may look like, whoever sends it: not too deep, and no keys that change prototypes.

/** Nested deeper than this is an attack, not data; recursion stays safe below it. */
const DEEPEST = 32;
/** Keys that change an object's prototype in careless code. */
const POISON = new Set(['__proto__', 'constructor', 'prototype']);

type Fault = { path?: string; text: string } | undefined;

const faultAt = (value: unknown, depth: number): Fault => {
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth > DEEPEST) return { text: `is nested deeper than ${DEEPEST} levels` };
  for (const [key, inner] of Object.entries(value)) {
    if (POISON.has(key)) return { path: `/${key}`, text: `has the key ${key}, which is not allowed` };
    const fault = faultAt(inner, depth + 1);
    if (fault !== undefined) return fault.path === undefined ? fault : { ...fault, path: `/${key}${fault.path}` };
  }
  return undefined;
};

/** @returns what is wrong and where (a JSON Pointer; none where it is about the whole), or undefined */
export const shapeFault = (given: unknown): Fault => faultAt(given, 0);
