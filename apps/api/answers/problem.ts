// What every refusal and every fault answers: a problem document (RFC 9457).
import { z } from 'zod';

export const ProblemAnswer = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: 'What happened, why, and what to do.' }),
    code: z.string().meta({ description: 'Stable, for machines; the last part of `type`.' }),
    errors: z
      .array(z.strictObject({ path: z.string(), message: z.string() }))
      .optional()
      .meta({ description: 'Each mistake in the input; `path` is a JSON Pointer (RFC 6901). At most 20 are told.' }),
    template: z.string().optional(),
    version: z.int().optional(),
    part: z.enum(['subject', 'html', 'text']).optional(),
    line: z.int().optional(),
    column: z.int().optional(),
    retryAfter: z.int().optional().meta({ description: 'Seconds, as in Retry-After.' }),
    issued: z
      .int()
      .optional()
      .meta({ description: 'Keys that hold still and were issued by one that is to be revoked.' }),
  })
  .meta({
    id: 'Problem',
    description:
      'A problem document (RFC 9457). `template` to `column` say where a template failed, counted from 1. Go by `code`: titles and details are for people and may change.',
    examples: [
      {
        type: 'urn:rohrpost:problem:not-found',
        title: 'Not Found',
        status: 404,
        detail: 'there is nothing under tenant acme, or your key does not reach it',
        code: 'not-found',
      },
    ],
  });
