// What the package offers.
export {
  createClient,
  type BatchResults,
  type ClientOptions,
  type Email,
  type EmailDetails,
  type EmailFilter,
  type EmailSummary,
  type Queue,
  type Receipt,
  type ResendReceipt,
  type RohrpostClient,
} from './client.js';
export { RohrpostProblem, unwrap, type ProblemDocument } from './problem.js';
export { verifyWebhook, WebhookVerificationError, type VerifyOptions, type WebhookEvent } from './webhook.js';
export type { components, paths } from './schema.js';
