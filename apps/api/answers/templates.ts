// What is answered of templates: versions, lists of them, and what differs between two.
import { z } from 'zod';
import { TemplateInput } from '../../../libs/mail/settings/template';
import { EXAMPLE_AT, Time } from './fields';

const Version = z.int().min(1);
const By = z.string().optional().meta({ description: 'Who put it, where that was kept.' });

export const TemplateDetails = z
  .strictObject({ name: z.string(), ...TemplateInput.shape, version: Version, createdAt: Time, by: By })
  .meta({
    id: 'TemplateDetails',
    description: 'One version of a template, as it was put.',
    examples: [
      { name: 'welcome', subject: 'Welcome', text: 'Hello <%= it.name %>', version: 1, createdAt: EXAMPLE_AT },
    ],
  });

export const TemplateList = z
  .strictObject({ templates: z.array(z.strictObject({ name: z.string(), version: Version })) })
  .meta({ id: 'TemplateList', examples: [{ templates: [{ name: 'welcome', version: 1 }] }] });

export const TemplateVersions = z
  .strictObject({ versions: z.array(z.strictObject({ version: Version, createdAt: Time, by: By })) })
  .meta({ id: 'TemplateVersions', examples: [{ versions: [{ version: 1, createdAt: EXAMPLE_AT }] }] });

export const TemplateComparison = z
  .strictObject({
    name: z.string(),
    from: Version,
    to: Version,
    diffs: z.record(z.string(), z.string().nullable()).meta({
      description:
        'A unified diff for each part that differs; null where the parts are too different to be compared in time.',
    }),
  })
  .meta({
    id: 'TemplateComparison',
    examples: [{ name: 'welcome', from: 1, to: 2, diffs: { subject: '@@ -1 +1 @@\n-Welcome\n+Hello\n' } }],
  });
