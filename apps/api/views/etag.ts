// The version of a document for its ETag.
import { createHash } from 'node:crypto';

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The version of a document, for an ETag: the same settings have the same, whatever the order of their members.
 * @param kept what of it is kept, without times and counts
 */
export const versionOf = (kept: unknown): string => {
  const sorted = JSON.stringify(kept, (_name, value: unknown) =>
    isObject(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value,
  );
  return createHash('sha256').update(sorted).digest('base64url').slice(0, 22);
};
