// A tenant's template: Eta sources under a name, kept as immutable numbered versions.
import { z } from 'zod';
import { DataSchema } from './data-schema';
import { Slug } from '../address/queue-address';

const Source = z.string().max(500_000);

export const TemplateInput = z
  .strictObject({
    /** Without one it is a part for other templates: a layout, or what they include. */
    subject: Source.min(1).optional(),
    html: Source.optional(),
    text: Source.optional(),
    /** The name of another template of the tenant whose html is the frame: it shows ours as `<%~ it.body %>`. */
    layout: Slug.optional(),
    /** Writes the rules of its style sheets to the elements themselves: many mail programs heed nothing else. */
    inlineCss: z.boolean().optional(),
    /** What its data must be like (JSON schema, draft 2020-12). */
    schema: DataSchema.optional(),
  })
  .refine((given) => given.html !== undefined || given.text !== undefined, { message: 'must have html or text' })
  .meta({ id: 'Template', examples: [{ subject: 'Welcome', text: 'Hello <%= it.name %>' }] });

export type TemplateInput = z.infer<typeof TemplateInput>;

export interface TemplateVersion extends TemplateInput {
  version: number;
  createdAt: string;
  /** Who put it; unknown of versions that were put before that was kept. */
  by?: string;
}
