// What JSON from outside may look like, whoever sends it: not too deep, and no keys that change prototypes.
import type { InputError } from '../input/problem';
import { pointer } from '../input/problem';

/** Nested deeper than this is an attack, not data; recursion stays safe below it. */
const DEEPEST = 32;
/** Keys that change an object's prototype in careless code. */
const POISON = new Set(['__proto__', 'constructor', 'prototype']);

/** A value's shape, taken in one walk. */
export interface Shape {
  /** Names of members in all of its objects. */
  names: number;
  /** A string or a name has half a surrogate pair, or NUL. */
  hasBrokenText: boolean;
  fault?: InputError;
}

const isBroken = (text: string): boolean => !text.isWellFormed() || text.includes('\0');

const walk = (value: unknown, path: PropertyKey[], shape: Shape, texts: boolean): void => {
  if (texts && typeof value === 'string' && isBroken(value)) shape.hasBrokenText = true;
  if (typeof value !== 'object' || value === null || shape.fault !== undefined) return;
  if (path.length > DEEPEST) {
    shape.fault = { path: pointer(path), message: `is nested deeper than ${DEEPEST} levels: make it flatter` };
    return;
  }
  const isList = Array.isArray(value);
  // No pairs of name and value: of 100,000 names they would take as long as the parsing.
  for (const key of isList ? value.keys() : Object.keys(value)) {
    const inner = (value as Record<PropertyKey, unknown>)[key];
    if (!isList) {
      shape.names++;
      if (texts && isBroken(String(key))) shape.hasBrokenText = true;
    }
    path.push(key);
    if (!isList && POISON.has(String(key)))
      shape.fault = { path: pointer(path), message: 'is not allowed as the name of a field: give it another one' };
    walk(inner, path, shape, texts);
    path.pop();
  }
};

/**
 * @param texts whether texts are looked into
 * @returns how many names it has, and the first thing that is not allowed in it, with its place
 */
export const shapeOf = (value: unknown, texts: boolean): Shape => {
  const shape: Shape = { names: 0, hasBrokenText: false };
  walk(value, [], shape, texts);
  return shape;
};
