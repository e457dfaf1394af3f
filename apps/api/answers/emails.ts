// What is answered of emails: receipts, summaries in lists, and one email with its history.
import { z } from 'zod';
import { STATES } from '../../../libs/mail/email/state';
import { EXAMPLE_AT, EXAMPLE_ID, Failure, FieldChanges, NextCursor, Time } from './fields';
import { ProblemAnswer } from './problem';
import { ResolvedSettings } from './tenants-and-queues';

const receipt = {
  id: z.string(),
  state: z.enum(['scheduled', 'queued', 'held']).meta({ description: '`held`: it needs an approval.' }),
  sendAt: Time,
  expiresAt: Time,
  messageId: z.string().meta({ description: 'The Message-ID of every attempt, in angle brackets (RFC 5322 3.6.4).' }),
};

const RECEIPT = {
  id: EXAMPLE_ID,
  state: 'queued' as const,
  sendAt: EXAMPLE_AT,
  expiresAt: '2026-12-04T08:00:00.000Z',
  messageId: `<${EXAMPLE_ID}@mail.example.org>`,
};

export const Receipt = z
  .strictObject(receipt)
  .meta({ id: 'Receipt', description: 'An email that was accepted: from now on it is not lost.', examples: [RECEIPT] });

export const ResendReceipt = z
  .strictObject({ ...receipt, resentFrom: z.string() })
  .meta({ id: 'ResendReceipt', examples: [{ ...RECEIPT, resentFrom: 'm_06f7hkq8n1s6v0c2m9t4q5b7o0' }] });

const AcceptedLine = z.strictObject({
  index: z.int().min(0),
  id: z.string(),
  state: receipt.state,
  replayed: z.literal(true).optional(),
});

export const BatchResults = z
  .strictObject({
    results: z.array(z.union([AcceptedLine, z.strictObject({ index: z.int().min(0), problem: ProblemAnswer })])),
  })
  .meta({
    id: 'BatchResults',
    description: 'One result for each line, in the order of the lines: accepted, or refused with its problem.',
    examples: [{ results: [{ index: 0, id: EXAMPLE_ID, state: 'queued' }] }],
  });

const Reply = z
  .strictObject({
    recipient: z.string().optional(),
    code: z.int().meta({ description: 'SMTP reply code (RFC 5321 4.2), 0 where there was no reply.' }),
    enhancedCode: z.string().optional(),
    text: z.string(),
  })
  .meta({ id: 'Reply', description: 'What the server said: of one recipient, or of the whole message.' });

const Reported = z
  .strictObject({
    recipient: z.string(),
    status: z.string().optional().meta({ description: 'Enhanced status code (RFC 3463): `5.1.1`.' }),
    diagnostic: z.string().optional().meta({ description: 'The server’s words; of a complaint, its type.' }),
    at: Time,
  })
  .meta({ id: 'ReportedRecipient', description: 'What a bounce or a complaint says of a recipient.' });

const Attempt = z
  .strictObject({
    number: z.int().min(1),
    startedAt: Time,
    endedAt: Time,
    outcome: z.enum(['sent', 'refused', 'deferred', 'throttled', 'uncertain', 'expired', 'canceled', 'interrupted']),
    transport: z.string().optional(),
    redirectedTo: z.string().optional().meta({ description: 'It went there instead of to its recipients.' }),
    fallback: z
      .strictObject({ for: z.string(), because: z.string() })
      .optional()
      .meta({ description: 'It went by the fallback of this transport, which could not be used for this reason.' }),
    templateVersion: z.int().optional(),
    text: z.string().optional(),
    tls: z
      .strictObject({
        version: z.string().meta({ description: '`TLSv1.2` or `TLSv1.3`.' }),
        cipher: z.string().meta({ description: 'By its name in the registry of IANA.' }),
        fingerprint: z
          .string()
          .meta({ description: 'SHA-256 of the server’s certificate, bytes in hexadecimal with colons.' }),
      })
      .optional()
      .meta({ description: 'How the connection to the server was encrypted; left out where nothing was.' }),
    replies: z.array(Reply),
    dialogue: z.array(z.string()).optional(),
    shortened: z
      .literal(true)
      .optional()
      .meta({ description: 'Replies and dialogue are left out: the email’s log is long, or Redis nearly full.' }),
  })
  .meta({ id: 'Attempt', description: 'One try, as the history and the error log keep it.' });

const Change = z
  .strictObject({
    at: Time,
    by: z.string(),
    what: z.string(),
    operation: z.string().optional(),
    fields: FieldChanges.optional(),
  })
  .meta({ id: 'Change', description: 'What somebody did to the email.' });

const summary = {
  id: z.string(),
  tenant: z.string(),
  application: z.string(),
  state: z.enum(STATES),
  reason: Failure.optional(),
  acceptedAt: Time,
  sendAt: Time,
  expiresAt: Time,
  nextAttemptAt: Time.optional(),
  finishedAt: Time.optional(),
  attemptsMade: z.int().min(0),
  recipients: z
    .strictObject({
      accepted: z.array(z.string()),
      refused: z.array(Reply),
      bounced: z.array(Reported).optional(),
      complained: z.array(Reported).optional(),
      delivered: z.array(Reported).optional(),
      delayed: z.array(Reported).optional(),
    })
    .optional()
    .meta({ description: 'Where recipients were told apart, and what was reported of them after it was sent.' }),
  messageId: receipt.messageId,
  from: z.string().optional(),
  to: z.array(z.string()),
  cc: z.array(z.string()),
  bcc: z.array(z.string()),
  subject: z.string().optional(),
  template: z.strictObject({ name: z.string(), version: z.int().optional() }).optional(),
  tags: z.array(z.string()),
  metadata: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  archived: z.literal(true).optional(),
  resentFrom: z.string().optional(),
};

const SUMMARY = {
  id: EXAMPLE_ID,
  tenant: 'acme',
  application: 'billing',
  state: 'queued' as const,
  acceptedAt: EXAMPLE_AT,
  sendAt: EXAMPLE_AT,
  expiresAt: RECEIPT.expiresAt,
  attemptsMade: 0,
  messageId: RECEIPT.messageId,
  to: ['Ann <ann@example.org>'],
  cc: [],
  bcc: [],
  subject: 'Your invoice',
  tags: ['invoice'],
  metadata: {},
};

const EmailSummary = z
  .strictObject(summary)
  .meta({ id: 'EmailSummary', description: 'An email as lists show it: without its content.', examples: [SUMMARY] });

export const EmailPage = z
  .strictObject({ emails: z.array(EmailSummary), nextCursor: NextCursor })
  .meta({ id: 'EmailPage', examples: [{ emails: [SUMMARY], nextCursor: null }] });

const InStore = z.strictObject({ contentId: z.string(), size: z.int().min(0) });

const attachment = {
  filename: z.string(),
  contentType: z.string().optional(),
  cid: z.string().optional(),
  disposition: z.enum(['attachment', 'inline']).optional(),
};

export const EmailDetails = z
  .strictObject({
    ...summary,
    replyTo: z.array(z.string()),
    html: z.string().optional(),
    text: z.string().optional(),
    data: z.record(z.string(), z.unknown()).optional(),
    dataUrl: z.string().optional(),
    stored: z
      .strictObject({ html: InStore, text: InStore, data: InStore })
      .partial()
      .optional()
      .meta({ description: 'Parts that are too large to be answered here; `GET .../content` has them.' }),
    raw: z.strictObject({ contentId: z.string(), size: z.int(), from: z.string() }).optional(),
    attachments: z.array(
      z.union([
        z.strictObject({ ...attachment, contentId: z.string(), size: z.int().min(0) }),
        z.strictObject({ ...attachment, url: z.string() }),
      ]),
    ),
    headers: z.record(z.string(), z.string()),
    settings: ResolvedSettings,
    content: z.literal('wiped').optional().meta({ description: 'What it said is gone (setting `contentDays`).' }),
    approval: z
      .strictObject({
        state: z.enum(['needed', 'approved']),
        involved: z.array(z.strictObject({ hand: z.string(), by: z.string() })).meta({
          description: 'Who sent or corrected it; keys that go back to one of these hands do not approve it.',
        }),
        approvedBy: z.string().optional(),
        approvedAt: Time.optional(),
      })
      .optional()
      .meta({ description: 'The approval that it needs, or has.' }),
    incident: z.string().optional().meta({ description: 'The incident that it stands in, where it is not sent.' }),
    attempts: z.array(Attempt),
    changes: z.array(Change),
  })
  .meta({
    id: 'EmailDetails',
    description: 'An email as a whole, with the settings that hold for it now, its attempts and its changes.',
    examples: [
      {
        ...SUMMARY,
        replyTo: [],
        text: 'Hello Ann, ...',
        attachments: [],
        headers: {},
        settings: {
          transport: 'default',
          replyTo: [],
          attempts: 12,
          backoff: { type: 'exponential', delay: 30_000, maxDelay: 3_600_000, jitter: 0.2 },
          expiresAfter: 259_200_000,
          history: { keep: true, days: 30 },
          errors: { days: 90 },
          log: 'attempts',
          onUncertain: 'resend',
          archive: false,
          confidential: false,
          priority: 'normal',
          concurrency: 10,
          suppressions: 'honor',
          dataSources: [],
        },
        attempts: [],
        changes: [],
      },
    ],
  });
