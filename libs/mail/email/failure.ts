// Why an email stands in the error log: a stable code and a sentence, kept together in BullMQ's failed reason.

/** The codes under which an email may stand in BullMQ's failed set. */
export const FAILURE_CODES = [
  'held',
  'approval-needed',
  'uncertain',
  'expired',
  'canceled',
  'refused',
  'partly-sent',
  'attempts-exhausted',
  'template-failed',
  'template-unknown',
  'data-invalid',
  'transport-unknown',
  'content-missing',
  'source-not-allowed',
  'data-gone',
  'attachment-gone',
  'attachment-invalid',
  'from-missing',
  'from-not-allowed',
  'message-invalid',
  'suppressed',
] as const;

export type FailureCode = (typeof FAILURE_CODES)[number];

export interface Failure {
  code: FailureCode;
  /** One line for a person: what happened, in the server's words where it was a server. */
  text: string;
}

/** As it is written into a job's `failedReason`; short, since every list reads it. */
export const writeFailure = ({ code, text }: Failure): string => `${code}: ${text.slice(0, 500)}`;

/**
 * Reads a failed reason back. What did not come from here (a fault of BullMQ itself, an older version) is shown with
 * the code `refused` and its own words, so that it stands in the error log like any other.
 */
export const readFailure = (reason: string): Failure => {
  const code = FAILURE_CODES.find((known) => reason.startsWith(`${known}: `));
  return code === undefined ? { code: 'refused', text: reason } : { code, text: reason.slice(code.length + 2) };
};

/** Of an email that nobody sent in time. @param expiresAt ISO 8601 */
export const expiredFailure = (expiresAt: string): Failure => ({
  code: 'expired',
  text: `was not sent before ${expiresAt}`,
});
