// A stored email as the input that would make it again.
import type { LargePart, StoredEmail } from './stored-email';

/** Fields of a stored email that are not fields of an input, or not in this form: `toInput` writes those anew. */
const NOT_OF_INPUT = new Set([
  'sealed',
  'contents',
  'v',
  'rev',
  'domain',
  'stored',
  'expiresAt',
  'fixedExpiry',
  'resentFrom',
  'traceparent',
  'attachments',
  'raw',
  'formerly',
  'forgotten',
  'needsApproval',
  'contentWiped',
]);

/**
 * A stored email as the input that would make it again; without its expiry, which whoever changes it decides anew.
 * @param parts contents of those that are in the content store
 */
export const toInput = (email: StoredEmail, parts: Partial<Record<LargePart, string>>): Record<string, unknown> => ({
  ...Object.fromEntries(Object.entries(email).filter(([name]) => !NOT_OF_INPUT.has(name))),
  ...(parts.html !== undefined && { html: parts.html }),
  ...(parts.text !== undefined && { text: parts.text }),
  ...(parts.data !== undefined && { data: JSON.parse(parts.data) as unknown }),
  ...(email.raw && { raw: { contentId: email.raw.contentId } }),
  ...(email.attachments && { attachments: email.attachments.map((one) => ({ ...one, size: undefined })) }),
});
