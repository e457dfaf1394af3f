// What a template's schema does not allow in its data, in our words.
import type { OutputUnit } from '@cfworker/json-schema';

/** By keyword, and what the validator says: the names and numbers in it are the schema's. */
const WORDS: Record<string, [said: RegExp, ours: (...parts: string[]) => string]> = {
  type: [/^Instance type "(.*?)" is invalid\. Expected (.*)\.$/, (is, wanted) => `must be ${wanted}, and is ${is}`],
  const: [/^Instance does not match (.*)\.$/s, (value) => `must be ${value}`],
  enum: [/^Instance does not match any of (.*)\.$/s, (values) => `must be one of ${values}`],
  required: [/property "(.*)"\.$/s, (name) => `lacks ${name}: give it`],
  dependentRequired: [/has "(.*)" but does not have "(.*)"\.$/s, (one, other) => `lacks ${other}, which ${one} needs`],
  minimum: [/ ([^ ]+)\.$/, (least) => `must be at least ${least}`],
  maximum: [/ ([^ ]+)\.$/, (most) => `must be at most ${most}`],
  exclusiveMinimum: [/ ([^ ]+)\.$/, (bound) => `must be more than ${bound}`],
  exclusiveMaximum: [/ ([^ ]+)\.$/, (bound) => `must be less than ${bound}`],
  multipleOf: [/ ([^ ]+)\.$/, (step) => `must be a multiple of ${step}`],
  minLength: [/< (\d+)\)/, (least) => `must have at least ${least} characters`],
  maxLength: [/> (\d+)\)/, (most) => `must have at most ${most} characters`],
  minItems: [/< (\d+)\)/, (least) => `must have at least ${least} entries`],
  maxItems: [/> (\d+)\)/, (most) => `must have at most ${most} entries`],
  uniqueItems: [
    /indexes (\d+) and (\d+)/,
    (one, other) => `has the same at ${one} and ${other}: each may be there once`,
  ],
  pattern: [/^/, () => 'is not written as the pattern of the schema wants it'],
  format: [/"(.*)"\.$/, (format) => `must be written as the format ${format}`],
};

/** @returns a sentence that goes on after the place; never the validator's own */
export const schemaWords = ({ keyword, error }: OutputUnit): string => {
  const [said, ours] = WORDS[keyword] ?? [];
  const match = said?.exec(error);
  if (match && ours) return ours(...match.slice(1));
  return keyword === 'false' || keyword === 'additionalProperties'
    ? 'is not allowed by the schema: take it out'
    : `is not as "${keyword}" of the schema wants it`;
};
