// What is answered of an email's content, and of what stands in its way.
import { z } from 'zod';
import { STATES } from '../../../libs/mail/email/state';
import { FieldChanges, Time } from './fields';

const parts = {
  subject: z.string(),
  html: z.string().optional(),
  text: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  attachments: z
    .array(z.strictObject({ filename: z.string(), contentType: z.string(), size: z.int().min(0) }))
    .optional(),
  templateVersion: z.int().optional(),
};

export const EmailContent = z
  .strictObject({
    rendered: z.enum(['sent', 'now']).meta({
      description: '`sent`: as it was sent and archived; `now`: as it would be made at this moment.',
    }),
    ...parts,
  })
  .meta({
    id: 'EmailContent',
    description: 'What the email says. `headers` and `attachments` are those of a message that is kept whole.',
    examples: [{ rendered: 'now', subject: 'Your invoice', text: 'Hello Ann, ...' }],
  });

export const EmailPreview = z
  .strictObject({ ...parts, size: z.int().min(0).meta({ description: 'Bytes of the message, about.' }) })
  .meta({
    id: 'EmailPreview',
    examples: [
      {
        subject: 'Your invoice',
        text: 'Hello Ann, ...',
        headers: { To: 'ann@example.org', Subject: 'Your invoice' },
        size: 1_400,
      },
    ],
  });

export const CorrectionPreview = z
  .strictObject({
    fields: FieldChanges,
    ...parts,
    size: z.int().min(0).meta({ description: 'Bytes of the message, about.' }),
  })
  .meta({
    id: 'CorrectionPreview',
    description: 'What a correction would change, and what the email would say then.',
    examples: [
      {
        fields: { subject: { before: 'Your invoise', after: 'Your invoice' } },
        subject: 'Your invoice',
        text: 'Hello Ann, ...',
        headers: { To: 'ann@example.org', Subject: 'Your invoice' },
        size: 1_400,
      },
    ],
  });

export const ContentComparison = z
  .strictObject({
    diffs: z.record(z.string(), z.string().nullable()).meta({
      description: 'A unified diff for each part that differs; null where that would take too long.',
    }),
  })
  .meta({ id: 'ContentComparison', examples: [{ diffs: { subject: '@@ -1 +1 @@\n-Welcome\n+Hello\n' } }] });

export const EmailAsInput = z.record(z.string(), z.unknown()).meta({
  id: 'EmailAsInput',
  description: 'The fields of `Email` that would make it again; only those that were given for it.',
  examples: [{ to: ['Ann <ann@example.org>'], subject: 'Your invoice', text: 'Hello Ann, ...' }],
});

export const TemplatePreview = z
  .strictObject({
    subject: z.string(),
    html: z.string().optional(),
    text: z.string(),
    templateVersion: z.int().optional(),
  })
  .meta({ id: 'TemplatePreview', examples: [{ subject: 'Welcome', text: 'Hello Ann', templateVersion: 3 }] });

export const StoredContent = z.strictObject({ contentId: z.string(), size: z.int().min(0) }).meta({
  id: 'StoredContent',
  description: 'Bytes that were uploaded: attachments and messages of this queue name them by `contentId`.',
  examples: [{ contentId: 'sha256-2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824', size: 5 }],
});

export const Explanation = z
  .strictObject({
    state: z.enum(STATES),
    reasons: z.array(z.strictObject({ code: z.string(), text: z.string(), until: Time.optional() })),
  })
  .meta({
    id: 'Explanation',
    description: 'What stands in the way of an email, the farthest first. `until`: the reason ends by itself then.',
    examples: [{ state: 'queued', reasons: [{ code: 'in-line', text: '12 emails of this queue are before it' }] }],
  });
