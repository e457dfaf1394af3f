// Spans of time as people write them: 200ms, 30s, 15m, 6h, 3d.
import { z } from 'zod';

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const PATTERN = /^(\d{1,9})(ms|s|m|h|d)$/;

/** The longest span: ten years. */
const LONGEST = 3_650 * 86_400_000;

/** @returns milliseconds, or undefined where the text is no span */
export const parseDuration = (text: string): number | undefined => {
  const [, count, unit] = PATTERN.exec(text) ?? [];
  const size = UNITS[unit ?? ''];
  if (count === undefined || size === undefined) return undefined;
  const ms = Number(count) * size;
  return ms <= LONGEST ? ms : undefined;
};

const MESSAGE = 'must be a span like 200ms, 30s, 15m, 6h or 3d, at most 3650d';

/** A span in the input; stays as written, so that it can be shown again as it was given. */
export const Duration = z
  .string()
  .refine((text) => parseDuration(text) !== undefined, MESSAGE)
  .meta({ id: 'Duration', examples: ['30s', '3d'] });

/** A span that was validated when it was stored, in milliseconds. */
export const durationMs = (text: string): number => {
  const ms = parseDuration(text);
  if (ms === undefined) throw new Error(`"${text}" is no span: it ${MESSAGE}`);
  return ms;
};

/** A span in a process' environment, parsed to milliseconds. */
export const DurationMs = Duration.transform(durationMs);
