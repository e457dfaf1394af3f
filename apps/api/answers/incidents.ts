// What is answered of incidents.
import { z } from 'zod';
import { FAILURE_CODES } from '../../../libs/mail/email/failure';
import { EXAMPLE_AT, EXAMPLE_ID, Time } from './fields';

const Cause = z
  .strictObject({
    code: z.enum(FAILURE_CODES),
    reply: z.string().optional(),
    transport: z.string().optional(),
    template: z.string().optional(),
    line: z.int().optional(),
    text: z.string(),
  })
  .meta({
    id: 'Cause',
    description:
      'What the emails have in common: the code of their failure, the SMTP reply (`550 5.1.1`), the transport or the template with its line, and words, in which `…` stands for addresses, numbers, ids and quoted names.',
  });

const Incident = z.strictObject({
  id: z.string().meta({ description: 'The same for the same cause, in every queue and at all times.' }),
  cause: Cause,
  count: z.int().min(1).meta({ description: 'Emails that stand in it now.' }),
  firstAt: Time.meta({ description: 'Since when there have been some without a break.' }),
  lastAt: Time,
  tenants: z.array(z.string()),
  queues: z.array(z.string()).meta({ description: '`tenant/application`; 100 at most, those with the most emails.' }),
  examples: z
    .array(z.strictObject({ tenant: z.string(), application: z.string(), id: z.string() }))
    .meta({ description: 'The newest emails of it, five at most.' }),
});

const INCIDENT = {
  id: 'i_06f7hkq8n1s6',
  cause: { code: 'refused' as const, reply: '550 5.1.1', transport: 'default', text: '…: Recipient address rejected' },
  count: 412,
  firstAt: EXAMPLE_AT,
  lastAt: EXAMPLE_AT,
  tenants: ['acme'],
  queues: ['acme/billing'],
  examples: [{ tenant: 'acme', application: 'billing', id: EXAMPLE_ID }],
};

export const IncidentList = z.strictObject({ incidents: z.array(Incident) }).meta({
  id: 'IncidentList',
  description: 'Emails that failed, expired or are tried again, by cause; those with the most emails first.',
  examples: [{ incidents: [INCIDENT] }],
});
