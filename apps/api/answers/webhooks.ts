// What is answered of webhooks: their settings without secrets, what they were told, and what came of a try.
import { z } from 'zod';
import { EVENT_TYPES } from '../../../libs/mail/email/event';
import { SWITCHED_OFF, WebhookInput } from '../../../libs/mail/webhooks/webhook';
import { EXAMPLE_AT, EXAMPLE_ID, NextCursor, Time } from './fields';

const WEBHOOK = {
  webhook: 'erp',
  url: 'https://erp.acme.example/mail-events',
  events: ['email.sent' as const, 'email.failed' as const],
  enabled: true,
  secret: { set: true as const },
  waiting: 0,
  createdAt: EXAMPLE_AT,
  updatedAt: EXAMPLE_AT,
};

export const WebhookDetails = z
  .strictObject({
    ...WebhookInput.shape,
    webhook: z.string(),
    enabled: z.boolean(),
    secret: z.union([z.strictObject({ set: z.literal(true) }), z.string()]).meta({
      description: 'In clear in the one answer that made it, afterwards only that there is one.',
    }),
    formerSecretUntil: Time.optional().meta({ description: 'Until then the secret before it signs along.' }),
    disabled: z
      .strictObject({ at: Time, reason: z.enum(SWITCHED_OFF), text: z.string() })
      .optional()
      .meta({ description: 'Why the service switched it off.' }),
    waiting: z.int().min(0).meta({ description: 'Events that it has still to be told of, as far as they were read.' }),
    failingSince: Time.optional().meta({ description: 'It has taken nothing since then.' }),
    deliveredAt: Time.optional().meta({ description: 'When it last took something.' }),
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({
    id: 'WebhookDetails',
    description: 'A webhook: an address that is told of events.',
    examples: [{ ...WEBHOOK, secret: 'whsec_3wq0b7L1F0mB2cZ8h1Zt4mC0s2V5yJxkq9d4n8l0w3A=' }],
  });

export const WebhookList = z
  .strictObject({ webhooks: z.array(WebhookDetails) })
  .meta({ id: 'WebhookList', examples: [{ webhooks: [WEBHOOK] }] });

const ANSWER = { status: 503, text: 'try again later' };

const Answer = z
  .strictObject({ status: z.int().optional(), text: z.string() })
  .meta({ id: 'WebhookAnswer', description: 'What was answered: its status and its beginning, or why there is none.' });

export const DELIVERY_STATUSES = ['waiting', 'delivered', 'failed'] as const;

export const WebhookDelivery = z
  .strictObject({
    id: z.string().meta({ description: 'The header `webhook-id`, the same at each attempt.' }),
    type: z.enum(EVENT_TYPES),
    email: z.string().optional(),
    at: Time.meta({ description: 'When it happened.' }),
    status: z.enum(DELIVERY_STATUSES),
    attempts: z.int().min(0),
    nextAt: Time.optional().meta({ description: 'Not there where it waits behind another event of its email.' }),
    answer: Answer.optional(),
  })
  .meta({
    id: 'WebhookDelivery',
    examples: [
      {
        id: 'evt_1796112000000-000000',
        type: 'email.sent',
        email: EXAMPLE_ID,
        at: EXAMPLE_AT,
        status: 'waiting',
        attempts: 2,
        nextAt: EXAMPLE_AT,
        answer: ANSWER,
      },
    ],
  });

export const WebhookDeliveryPage = z
  .strictObject({ deliveries: z.array(WebhookDelivery), nextCursor: NextCursor })
  .meta({ id: 'WebhookDeliveryPage', examples: [{ deliveries: [], nextCursor: null }] });

export const WebhookTestResult = z
  .strictObject({ ok: z.boolean(), ms: z.int().min(0), status: z.int().optional(), text: z.string() })
  .meta({
    id: 'WebhookTestResult',
    description: '`ok`: it answered 2xx. `text`: the beginning of the answer, or why there is none.',
    examples: [{ ok: true, ms: 41, status: 204, text: '' }],
  });
