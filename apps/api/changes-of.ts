// What a correction changed, field by field, for the email's history and the audit.
import type { StoredEmail } from '../../libs/mail/stored-email';

export type FieldChanges = Record<string, { before: unknown; after: unknown }>;

/** Longer values are cut: the history says what changed, the email says what it is. */
const LONGEST = 300;

const shown = (value: unknown): unknown => {
  if (value === undefined) return null;
  const text = JSON.stringify(value);
  return text.length <= LONGEST ? value : `${text.slice(0, LONGEST)}…`;
};

const UNINTERESTING = new Set(['rev', 'v', 'fixedExpiry', 'formerly']);

export const changesBetween = (before: StoredEmail, after: StoredEmail): FieldChanges => {
  const old: Record<string, unknown> = { ...before };
  const fresh: Record<string, unknown> = { ...after };
  const changes: FieldChanges = {};
  for (const name of new Set([...Object.keys(old), ...Object.keys(fresh)])) {
    if (UNINTERESTING.has(name) || JSON.stringify(old[name]) === JSON.stringify(fresh[name])) continue;
    changes[name] = { before: shown(old[name]), after: shown(fresh[name]) };
  }
  return changes;
};
