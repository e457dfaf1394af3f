// What is answered of transports: their settings without secrets, and what came of trying one.
import { z } from 'zod';
import { GRANTS } from '../../../libs/mail/login/oauth';
import { PHASES } from '../../../libs/mail/smtp/phase';
import { HOST_AUTHORS } from '../../../libs/mail/login/server';
import { BounceMailbox } from '../../../libs/mail/settings/bounce-mailbox';
import { TransportInput } from '../../../libs/mail/settings/transport';
import { EXAMPLE_AT, Time } from './fields';

/** Where a secret is: that there is one. A PUT takes it back as it is and keeps what is stored. */
const Secret = z.strictObject({ set: z.literal(true) });

const Login = z.union([
  z.strictObject({ user: z.string(), pass: Secret }),
  z.strictObject({
    user: z.string(),
    oauth2: z.strictObject({
      tokenUrl: z.string(),
      clientId: z.string(),
      scope: z.string().optional(),
      grant: z.enum(GRANTS),
      clientSecret: Secret.optional(),
      privateKey: Secret.optional(),
      refreshToken: Secret.optional(),
    }),
  }),
]);

/** As it is kept, what was left out decided. */
const Mailbox = z
  .strictObject({ ...BounceMailbox.shape, port: z.int(), auth: Login })
  .meta({ description: 'The mailbox that reports come to, without its secrets.' });

const TRANSPORT = {
  transport: 'default',
  host: 'smtp.acme.example',
  port: 587,
  security: 'starttls' as const,
  auth: { user: 'billing', pass: { set: true as const } },
  hostBy: 'admin' as const,
  version: 1,
  createdAt: EXAMPLE_AT,
  updatedAt: EXAMPLE_AT,
};

export const TransportDetails = z
  .strictObject({
    ...TransportInput.shape,
    transport: z.string(),
    port: z.int(),
    auth: Login.optional(),
    dkim: z.strictObject({ domain: z.string(), selector: z.string(), privateKey: Secret }).optional(),
    returnPath: z.strictObject({ address: z.string(), mailbox: Mailbox.optional() }).optional(),
    hostBy: z.enum(HOST_AUTHORS),
    version: z.int().min(1),
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'TransportDetails', description: 'A transport, without its secrets.', examples: [TRANSPORT] });

export const TransportList = z
  .strictObject({ transports: z.array(TransportDetails) })
  .meta({ id: 'TransportList', examples: [{ transports: [TRANSPORT] }] });

export const VerifyResult = z
  .strictObject({
    ok: z.boolean(),
    ms: z.number().min(0),
    reply: z.string(),
    phase: z.enum(PHASES).optional().meta({ description: 'The step of the dialogue that failed.' }),
    dialogue: z.array(z.string()).optional().meta({
      description: 'What was said, line by line: `C:` by us, `S:` by the server. Credentials are struck out.',
    }),
  })
  .meta({
    id: 'VerifyResult',
    description: 'What came of the try, in the server’s own words.',
    examples: [{ ok: true, ms: 41, reply: '235 2.7.0 Authentication successful' }],
  });

const Since = { since: Time, words: z.string().optional() };

export const TransportState = z
  .strictObject({
    breaker: z.enum(['closed', 'open', 'recovering']),
    down: z
      .strictObject({ ...Since, nextTryAt: Time })
      .optional()
      .meta({ description: 'Since when it is down, and how the last fault was told.' }),
    lowered: z.strictObject(Since).optional().meta({
      description: 'Its server refused connections lately: since when there are fewer, and in which words.',
    }),
    mailbox: z
      .strictObject({
        checkedAt: Time.optional(),
        nextCheckAt: Time,
        reports: z.int().min(0).meta({ description: 'Reports that were taken from it so far.' }),
        lastReportAt: Time.optional(),
        failing: z.strictObject(Since).optional().meta({ description: 'Since when it cannot be read, and why.' }),
        note: z
          .string()
          .optional()
          .meta({ description: 'What went wrong with single messages at the last check that found any.' }),
      })
      .optional()
      .meta({ description: 'How the mailbox of its return path was last read, where it has one.' }),
  })
  .meta({
    id: 'TransportState',
    description: 'How a transport is at this moment.',
    examples: [
      {
        breaker: 'open',
        down: { since: EXAMPLE_AT, words: '535 5.7.8 authentication failed', nextTryAt: EXAMPLE_AT },
      },
    ],
  });
