// What a change made of fields, one by one, for an email's history and the audit.

export type FieldChanges = Record<string, { before: unknown; after: unknown }>;

/** Longer values are cut: the history says what changed, the email says what it is. */
const LONGEST = 300;

const shown = (value: unknown): unknown => {
  if (value === undefined) return null;
  const text = JSON.stringify(value);
  return text.length <= LONGEST ? value : `${text.slice(0, LONGEST)}…`;
};

/** `sealed` is another text each time, whatever it says. */
const UNINTERESTING = new Set([
  'rev',
  'v',
  'fixedExpiry',
  'formerly',
  'forgotten',
  'sealed',
  'contents',
  'needsApproval',
]);

/**
 * The fields that differ; null stands for one that is not there.
 * @param before of what came into being: an empty object
 * @param after of what was removed: an empty object
 */
export const changesBetween = (before: object, after: object): FieldChanges => {
  const old: Record<string, unknown> = { ...before };
  const fresh: Record<string, unknown> = { ...after };
  const changes: FieldChanges = {};
  for (const name of new Set([...Object.keys(old), ...Object.keys(fresh)])) {
    if (UNINTERESTING.has(name) || JSON.stringify(old[name]) === JSON.stringify(fresh[name])) continue;
    changes[name] = { before: shown(old[name]), after: shown(fresh[name]) };
  }
  return changes;
};
