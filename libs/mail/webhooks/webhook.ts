// An address of a tenant's own that is told of events.
import { z } from 'zod';
import { EVENT_TYPES } from '../email/event';
import { Slug } from '../address/queue-address';
import { PlainUrl } from '../input/plain-url';

/** Bytes of a secret, as Standard Webhooks have it. */
const [FEWEST_BYTES, MOST_BYTES] = [24, 64];

const isSecret = (text: string): boolean => {
  const [, encoded] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text) ?? [];
  if (encoded === undefined || encoded.length % 4 !== 0) return false;
  const { length } = Buffer.from(encoded, 'base64');
  return length >= FEWEST_BYTES && length <= MOST_BYTES;
};

/** Each once. */
const Chosen = <S extends z.ZodType>(one: S) =>
  z
    .array(one)
    .min(1, 'must name at least one, or be left out for all of them')
    .max(100)
    .refine((all) => new Set(all).size === all.length, 'must name each once');

export const WebhookInput = z
  .strictObject({
    url: PlainUrl('https://acme.example/mail-events'),
    /** All of them where it is left out. */
    events: Chosen(z.enum(EVENT_TYPES)).optional(),
    /** Events of these alone; where it is left out, of all, and of the tenant's transports. */
    applications: Chosen(Slug).optional(),
    enabled: z.boolean().default(true),
    /** Made where there is none and none is given; `{"set": true}`, or nothing, keeps the one that is there. */
    secret: z
      .union([
        z
          .string()
          .refine(
            isSecret,
            `must be whsec_ and the base64 of ${FEWEST_BYTES} to ${MOST_BYTES} bytes; leave it out to have one made`,
          ),
        z.strictObject({ set: z.literal(true) }),
      ])
      .optional(),
  })
  .meta({
    id: 'Webhook',
    examples: [{ url: 'https://acme.example/mail-events', events: ['email.failed', 'email.uncertain'] }],
  });

export type WebhookInput = z.infer<typeof WebhookInput>;

/** `gone`: it answered 410. `failing`: nothing was taken for a day. */
export const SWITCHED_OFF = ['gone', 'failing'] as const;

/** Why the service switched it off. */
export interface SwitchedOff {
  /** ISO 8601 */
  at: string;
  reason: (typeof SWITCHED_OFF)[number];
  /** What happened last, for people. */
  text: string;
}

/** A webhook as it is kept: its secrets sealed. */
export interface StoredWebhook {
  url: string;
  events?: WebhookInput['events'];
  applications?: string[];
  enabled: boolean;
  disabled?: SwitchedOff;
  sealed: string;
  /** The secret before it signs along until then (ms since 1970). */
  former?: { sealed: string; until: number };
  /** Where in the stream of events it begins: what was before it was made, or switched on, is not told. */
  from: string;
  /** Since when it is switched on, ms since 1970. */
  onSince: number;
  createdAt: string;
  updatedAt: string;
}
