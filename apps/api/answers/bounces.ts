// What is answered of a report that was given in.
import { z } from 'zod';
import { REPORTED } from '../../../libs/mail/reports/report';
import { EXAMPLE_ID } from './fields';

export const TakenReport = z
  .strictObject({
    report: z
      .enum(['delivery-status', 'complaint', 'auto-reply', 'other'])
      .meta({ description: 'What the message is; the last two change nothing.' }),
    email: z.strictObject({ id: z.string(), tenant: z.string(), application: z.string() }).optional(),
    recipients: z
      .array(z.strictObject({ recipient: z.string(), kind: z.enum(REPORTED), status: z.string().optional() }))
      .meta({ description: 'What recipients of the email gained by it.' }),
    suppressed: z.array(z.string()).meta({ description: 'Who is on the suppression list since.' }),
  })
  .meta({
    id: 'TakenReport',
    examples: [
      {
        report: 'delivery-status',
        email: { id: EXAMPLE_ID, tenant: 'acme', application: 'billing' },
        recipients: [{ recipient: 'ann@example.org', kind: 'bounced', status: '5.1.1' }],
        suppressed: ['ann@example.org'],
      },
    ],
  });
