// The JSON schema that a template may have for its data: draft 2020-12, without what reaches out of it.
import { z } from 'zod';

const TYPES = ['null', 'boolean', 'object', 'array', 'number', 'integer', 'string'] as const;

/** Characters of a schema as JSON. */
const LONGEST = 64_000;

const Count = z.int().min(0);
const Names = z.array(z.string());
const Schemas = () => z.record(z.string(), Sub);

/** A schema or a part of one. Keywords that are not known are errors: a misspelt one would let everything through. */
const Keywords: z.ZodObject = z.strictObject({
  $schema: z.literal('https://json-schema.org/draft/2020-12/schema').optional(),
  $comment: z.string().optional(),
  title: z.string().optional(),
  description: z.string().optional(),
  default: z.unknown().optional(),
  examples: z.array(z.unknown()).optional(),
  deprecated: z.boolean().optional(),
  /** Nothing is fetched: a reference stays within the schema. */
  $ref: z
    .string()
    .regex(/^#(\/\$defs\/[\w.-]+)?$/, 'must be "#" or like "#/$defs/name"')
    .optional(),
  get $defs() {
    return Schemas().optional();
  },
  type: z.union([z.enum(TYPES), z.array(z.enum(TYPES)).min(1)]).optional(),
  enum: z.array(z.unknown()).min(1).optional(),
  const: z.unknown().optional(),
  get properties() {
    return Schemas().optional();
  },
  get patternProperties() {
    return Schemas().optional();
  },
  get additionalProperties() {
    return Sub.optional();
  },
  get propertyNames() {
    return Sub.optional();
  },
  required: Names.optional(),
  dependentRequired: z.record(z.string(), Names).optional(),
  minProperties: Count.optional(),
  maxProperties: Count.optional(),
  get items() {
    return Sub.optional();
  },
  get prefixItems() {
    return z.array(Sub).min(1).optional();
  },
  get contains() {
    return Sub.optional();
  },
  minContains: Count.optional(),
  maxContains: Count.optional(),
  minItems: Count.optional(),
  maxItems: Count.optional(),
  uniqueItems: z.boolean().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
  exclusiveMaximum: z.number().optional(),
  multipleOf: z.number().positive().optional(),
  minLength: Count.optional(),
  maxLength: Count.optional(),
  pattern: z.string().max(1_000).optional(),
  format: z.string().max(50).optional(),
  get allOf() {
    return z.array(Sub).min(1).optional();
  },
  get anyOf() {
    return z.array(Sub).min(1).optional();
  },
  get oneOf() {
    return z.array(Sub).min(1).optional();
  },
  get not() {
    return Sub.optional();
  },
  get if() {
    return Sub.optional();
  },
  get then() {
    return Sub.optional();
  },
  get else() {
    return Sub.optional();
  },
});

const Sub: z.ZodType = z.lazy(() => z.union([z.boolean(), Keywords])).meta({ id: 'DataSubschema' });

/** Measured before it is looked at: a large one would hold everybody up. */
export const DataSchema = z
  .preprocess((given, context) => {
    const isLong = JSON.stringify(given ?? null).length > LONGEST;
    if (isLong) context.addIssue({ code: 'custom', message: `must be at most ${LONGEST} characters as JSON` });
    return isLong ? z.NEVER : given;
  }, Keywords)
  .meta({ id: 'DataSchema' });
