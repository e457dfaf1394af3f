// The outcome of an email that cannot be made into a message, or must not be sent: it fails for good, no server was asked.
import type { FailureCode } from '../../../libs/mail/email/failure';
import type { Outcome } from '../../../libs/mail/email/outcome';
import type { Lease } from '../../../libs/jobs/transitions/lease';
import { RenderFailure } from '../../../libs/render/source/failure';
import { codeOf, messageOf } from '../../../libs/runtime/fault';

/** Failed for good because of what the email is made of; no server said anything. */
export const refused = (code: FailureCode, text: string): Outcome => ({ kind: 'refused', code, text, replies: [] });

/**
 * @returns the outcome of a fault that can be expected: a template that fails, a content that is not in the store (`ENOENT`), the
 * end of the lease
 * @throws every other fault, as it is
 */
export const refusalOf = (error: unknown, { signal }: Lease): Outcome => {
  if (error instanceof RenderFailure) return refused(error.code, error.message);
  if (codeOf(error) === 'ENOENT') return refused('content-missing', messageOf(error));
  if (signal.aborted) return { kind: 'interrupted', text: String(signal.reason) };
  throw error;
};
