// A batch as it is handed in: its lines, and the fields that go under each of them.
import { z } from 'zod';
import type { ContentStore } from '../content/store';
import { EmailInput } from '../mail/email/email';
import { parseInput } from '../mail/input/parse-input';
import { Problem } from '../mail/input/problem';
import type { Request } from './draft';
import { shareParts } from './shared-parts';

export const IdempotencyKey = z.string().regex(/^[ -~]{1,255}$/, 'must be 1 to 255 printable ASCII characters');

export const BatchInput = z.strictObject({
  emails: z.array(z.unknown()).min(1).max(1_000),
  defaults: z.record(z.string(), z.unknown()).optional(),
});

const BatchLine = z
  .strictObject({ ...EmailInput.shape, idempotencyKey: IdempotencyKey.optional() })
  .meta({ id: 'BatchLine', description: 'An email of a batch: what the defaults say may be left out.' });

const BatchDefaults = z
  .strictObject(EmailInput.shape)
  .meta({ id: 'BatchDefaults', description: 'Fields that go under each email of a batch.' });

/** The same as it is meant to be filled. Each line is checked by itself, with the defaults under it: a wrong one refuses no other. */
export const BatchOfEmails = z
  .strictObject({ emails: z.array(BatchLine).min(1).max(1_000), defaults: BatchDefaults.optional() })
  .meta({
    id: 'Batch',
    examples: [
      {
        defaults: { template: 'reminder', tags: ['reminder'] },
        emails: [{ to: 'ann@example.org', data: { name: 'Ann' }, idempotencyKey: 'reminder-114' }],
      },
    ],
  });

/** What the defaults come to in all lines together, without attachments and raw messages. Characters. */
const MOST_REPEATED = 256 * 1024 * 1024;

/** One line: its own key taken out, the defaults put under. @throws Problem `invalid` for a key */
const readLine = (line: unknown, defaults: Record<string, unknown>, base: readonly PropertyKey[]) => {
  if (typeof line !== 'object' || line === null || Array.isArray(line)) return { body: line, base };
  const { idempotencyKey, ...email } = line as Record<string, unknown>;
  const body = { ...defaults, ...email };
  if (idempotencyKey === undefined) return { body, base };
  return { body, base, idempotencyKey: parseInput(IdempotencyKey, idempotencyKey, [...base, 'idempotencyKey']) };
};

/**
 * @param who asks
 * @returns a request for each line; attachments and raw messages of the defaults are in none, but named
 * @throws Problem `invalid` for a key, `too-large` where the defaults would be repeated beyond all bounds
 */
export const readBatch = (
  content: ContentStore,
  { emails, defaults: given }: z.infer<typeof BatchInput>,
  who: Pick<Request, 'by' | 'hand'>,
): Request[] => {
  const { defaults, shared } = shareParts(content, given);
  const repeated = JSON.stringify(defaults).length * emails.length;
  if (repeated > MOST_REPEATED) {
    throw new Problem(
      'too-large',
      `the defaults would be repeated in ${emails.length} emails, ${Math.round(repeated / 1024 / 1024)} MiB in all: ` +
        'put what is alike into a template, or send fewer emails at once',
    );
  }
  return emails.map((line, index) => ({ ...readLine(line, defaults, ['emails', index]), ...who, shared }));
};

/**
 * An email of a stream of lines, with the key that it may carry.
 * @param who asks
 * @throws Problem `invalid` for a key
 */
export const readStreamed = (line: unknown, who: Pick<Request, 'by' | 'hand'>): Request => ({
  ...readLine(line, {}, []),
  ...who,
});
