// What changed between two versions of a template, line by line.
import { createTwoFilesPatch } from 'diff';

/** ms; the thread's own bound stands behind it. */
const PATIENCE = 200;

/**
 * @returns a unified diff per part that differs; null where the parts are too different to be told apart in time
 */
export const compareParts = (
  before: { name: string; parts: Record<string, string> },
  after: { name: string; parts: Record<string, string> },
): Record<string, string | null> => {
  const names = [...new Set([...Object.keys(before.parts), ...Object.keys(after.parts)])];
  const changed = names.filter((name) => before.parts[name] !== after.parts[name]);
  return Object.fromEntries(
    changed.map((name) => {
      const [old, now] = [before.parts[name] ?? '', after.parts[name] ?? ''];
      const patch = createTwoFilesPatch(before.name, after.name, old, now, undefined, undefined, {
        context: 3,
        timeout: PATIENCE,
      });
      return [name, patch?.replace(/^=+\n/, '') ?? null];
    }),
  );
};
