// Fields that several answers have: times, settings, notes of a pause.
import { z } from 'zod';

/** A point in time, ISO 8601 in UTC. */
export const Time = z.iso.datetime();

export const Failure = z
  .strictObject({
    /** Stable, for machines. */
    code: z.string(),
    text: z.string(),
  })
  .meta({
    id: 'Failure',
    description: 'Why an email stands in the error log, or why its last attempt failed. `text` is one line for people.',
  });

export const PauseNote = z
  .strictObject({ by: z.string(), at: Time, reason: z.string().optional() })
  .meta({ id: 'PauseNote', description: 'Who paused it, when, and why where they said so.' });

/** The cursor of the next page; null where this one is the last. */
export const NextCursor = z.string().nullable();

export const FieldChanges = z
  .record(z.string(), z.strictObject({ before: z.unknown(), after: z.unknown() }))
  .meta({ description: 'The fields that changed, before and after. A secret never stands in them.' });

/**
 * The fields of settings as an answer has them.
 * @param shape of the input; addresses are read from text there and answered as text
 */
export const settingsAnswered = <S extends Record<string, z.ZodType>>(shape: S) => ({
  ...shape,
  from: z.string().optional(),
  replyTo: z.array(z.string()).optional(),
});

export const EXAMPLE_ID = 'm_06f7hkq8n1s6v0c2m9t4q5b7or';
export const EXAMPLE_AT = '2026-12-01T08:00:00.000Z';
