// What emails may be looked for by, in lists and in operations on many; what cannot be answered is refused, never found empty.
import { z } from 'zod';
import { RecipientFilter } from '../mail/address/recipient-pattern';
import { Slug } from '../mail/address/queue-address';
import { FAILURE_CODES } from '../mail/email/failure';
import { STATES } from '../mail/email/state';
import { REPORTED } from '../mail/reports/report';
import { instantFault } from '../mail/input/instant';
import { isEmailId } from '../jobs/layout/email-id';
import { wordsOf, type EmailFilter } from '../jobs/read/email-filter';

const LIKE_ID = 'must be a Message-ID like <m_1@mail.example.org>; in the query of a URL write + as %2B';

const withoutBrackets = (text: string): string => text.trim().replace(/^<(.*)>$/, '$1');

const MessageId = z
  .string()
  .max(1_000)
  .refine((text) => /^[^\s<>]+@[^\s<>]+$/.test(withoutBrackets(text)), LIKE_ID);

const isTime = (text: string): boolean =>
  z.iso.date().safeParse(text).success || z.iso.datetime({ offset: true }).safeParse(text).success;

const timeFault = (text: string): string =>
  /^\d{4}-\d{2}-\d{2}$/.test(text) ? 'is no day of the calendar' : (instantFault(text) ?? 'is no time');

const Time = z
  .string()
  .superRefine((text, context) => {
    if (!isTime(text)) context.addIssue({ code: 'custom', message: timeFault(text) });
  })
  .meta({ description: 'A date (it begins at midnight, UTC) or a time with its offset.', examples: ['2026-11-01'] });

const Reply = z
  .string()
  .regex(
    /^(?:[245]\d\d|[245]\.\d{1,3}\.\d{1,3}|[245]\d\d [245]\.\d{1,3}\.\d{1,3})$/,
    'must be a reply code like 550, an enhanced one like 5.1.1, or both: 550 5.1.1',
  );

/** Emails that a filter names one by one at most. */
const MOST_IDS = 200;
const EmailId = z.string().refine(isEmailId, 'must be the id of an email, as it was answered: m_ and 26 characters');

/** Emails by their ids; a query writes several with commas between. */
export const OneOrMoreIds = z.union([EmailId, z.array(EmailId).min(1).max(MOST_IDS)]);

/** The fields of a filter but for `state` and `id`, which a query writes in its own way. */
export const FILTER_FIELDS = {
  recipient: RecipientFilter.optional().meta({
    description:
      'An address, the beginning of one and *, or *@domain: any of to, cc, bcc, and what was corrected away.',
  }),
  template: Slug.optional().meta({ description: 'The name of the template.' }),
  tag: z.string().min(1).optional().meta({ description: 'One of its tags.' }),
  messageId: MessageId.optional().meta({ description: 'Its Message-ID, with or without angle brackets.' }),
  metadata: z.record(z.string().min(1).max(100), z.string()).optional(),
  subject: z
    .string()
    .max(1_000)
    .refine((text) => wordsOf(text).length > 0, 'has no word in it: give words of the subject, or leave it out')
    .optional()
    .meta({ description: 'Words: each begins a word of the subject, as given or as it was rendered.' }),
  code: z.enum(FAILURE_CODES).optional().meta({ description: 'Of the failure (`reason.code`).' }),
  reply: Reply.optional().meta({ description: 'What the server said last: 550, 5.1.1 or both.' }),
  reported: z
    .enum(REPORTED)
    .optional()
    .meta({ description: 'What was reported of one of its recipients after it was sent: `bounced` and the like.' }),
  incident: z
    .string()
    .regex(/^i_[0-9a-v]{12}$/, 'must be the id of an incident, as GET /v1/incidents gives it')
    .optional()
    .meta({ description: 'Emails that stand in this incident now.' }),
  transport: Slug.optional().meta({
    description: 'Of the last attempt; without one, the transport that the email would have now.',
  }),
  since: Time.optional().meta({
    description: 'From then on: a date (it begins at midnight, UTC) or a time with its offset.',
  }),
  until: Time.optional().meta({ description: 'Before then, likewise.' }),
};

export const OneOrMoreStates = z.union([z.enum(STATES), z.array(z.enum(STATES)).min(1)]);

type FilterInput = {
  state?: z.infer<typeof OneOrMoreStates> | undefined;
  id?: z.infer<typeof OneOrMoreIds> | undefined;
} & {
  [Name in keyof typeof FILTER_FIELDS]?: z.infer<(typeof FILTER_FIELDS)[Name]>;
};

/** Nothing is accepted in no time at all. */
export const requireSpan = (
  { since, until }: Pick<FilterInput, 'since' | 'until'>,
  complain: (path: 'until', message: string) => void,
): void => {
  if (since !== undefined && until !== undefined && isTime(since) && isTime(until))
    if (Date.parse(since) >= Date.parse(until))
      complain('until', 'must be after since: until itself is not part of it');
};

/** @param input validated by the schemas above */
export const toFilter = ({ since, until, messageId, metadata, ...rest }: FilterInput): EmailFilter => ({
  ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)),
  ...(messageId !== undefined && { messageId: withoutBrackets(messageId) }),
  ...(metadata !== undefined && Object.keys(metadata).length > 0 && { metadata }),
  ...(since !== undefined && { since: Date.parse(since) }),
  ...(until !== undefined && { until: Date.parse(until) }),
});
