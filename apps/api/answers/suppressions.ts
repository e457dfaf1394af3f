// What is answered of suppressed addresses, and of a list of them that was put.
import { z } from 'zod';
import { SUPPRESSION_SOURCES } from '../../../libs/mail/suppressions/suppression';
import { EXAMPLE_AT, NextCursor, Time } from './fields';

const SUPPRESSION = {
  address: 'ann@example.org',
  reason: 'asked by telephone',
  source: 'manual' as const,
  at: EXAMPLE_AT,
  by: 'admin k_3f2a (support)',
};

export const SuppressionDetails = z
  .strictObject({
    address: z.string().meta({ description: 'As it is compared: in lower case, its domain in ASCII.' }),
    reason: z.string().optional(),
    source: z.enum(SUPPRESSION_SOURCES),
    at: Time,
    by: z.string(),
  })
  .meta({
    id: 'SuppressionDetails',
    description: 'An address that the emails of the tenant do not go to.',
    examples: [SUPPRESSION],
  });

export const SuppressionPage = z
  .strictObject({ suppressions: z.array(SuppressionDetails), nextCursor: NextCursor })
  .meta({ id: 'SuppressionPage', examples: [{ suppressions: [SUPPRESSION], nextCursor: null }] });

const Count = z.int().min(0);

export const SuppressionImport = z
  .strictObject({
    added: Count,
    present: Count.meta({ description: 'They were on the list, and stay as they are.' }),
    invalid: Count.meta({ description: 'They were not taken.' }),
    errors: z.array(z.strictObject({ line: z.int().min(1), message: z.string() })).meta({
      description: 'What is wrong with those that were not taken: the first 20, by line or by place in the array.',
    }),
  })
  .meta({
    id: 'SuppressionImport',
    examples: [
      {
        added: 2,
        present: 1,
        invalid: 1,
        errors: [{ line: 4, message: 'must be an e-mail address like ann@example.org' }],
      },
    ],
  });
