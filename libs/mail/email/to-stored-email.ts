// What of an accepted input an email keeps in its job.
import type { EmailInput } from './email';
import {
  EMAIL_FORMAT,
  type LinkedAttachment,
  type StoredAttachment,
  type StoredEmail,
  type StoredRaw,
} from './stored-email';

/** Fields of the input that are kept in another form: `toStoredEmail` writes those anew. */
const KEPT_OTHERWISE = new Set(['to', 'template', 'attachments', 'sendAt', 'expiresAt', 'raw']);

const isGiven = (value: unknown): boolean => value !== undefined && !(Array.isArray(value) && value.length === 0);

/** Puts fields into an email: those that were given, but not those left out. */
const give = (email: object, fields: object, leftOut?: ReadonlySet<string>): void => {
  for (const [name, value] of Object.entries(fields))
    if (isGiven(value) && leftOut?.has(name) !== true) (email as Record<string, unknown>)[name] = value;
};

/**
 * What of a valid input is kept in the job. Times become UTC; what was not given takes no room.
 * @param made parts that were decided at acceptance
 */
export const toStoredEmail = (
  input: EmailInput,
  made: {
    domain: string;
    expiresAt: number;
    attachments: (StoredAttachment | LinkedAttachment)[];
    raw?: StoredRaw | undefined;
    rev?: number;
    resentFrom?: string | undefined;
    traceparent?: string | undefined;
  },
): StoredEmail => {
  const email: StoredEmail = {
    v: EMAIL_FORMAT,
    rev: made.rev ?? 1,
    domain: made.domain,
    to: input.to ?? [],
    expiresAt: new Date(made.expiresAt).toISOString(),
  };
  give(email, input, KEPT_OTHERWISE);
  give(email, {
    template: typeof input.template === 'string' ? { name: input.template } : input.template,
    attachments: made.attachments,
    raw: made.raw,
    sendAt: input.sendAt && new Date(input.sendAt).toISOString(),
    fixedExpiry: input.expiresAt === undefined ? undefined : true,
    resentFrom: made.resentFrom,
    traceparent: made.traceparent,
  });
  return email;
};
