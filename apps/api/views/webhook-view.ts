// Webhooks and their deliveries as they are shown.
import { readEvent } from '../../../libs/mail/email/event';
import type { StoredWebhook } from '../../../libs/mail/webhooks/webhook';
import { secretIdOf } from '../../../libs/store/redis/secret-box';
import type { ShownDelivery, WebhookState } from '../../../libs/store/webhooks/deliveries';
import { versionOf } from './etag';

const iso = (ms: number): string => new Date(ms).toISOString();

/** Fields of an answer that the service computes. */
export const COMPUTED_OF_WEBHOOKS = new Set([
  'formerSecretUntil',
  'disabled',
  'waiting',
  'failingSince',
  'deliveredAt',
  'createdAt',
  'updatedAt',
]);

/** Its settings, without its secret. */
export const webhookDocument = ({ url, events, applications, enabled }: StoredWebhook) => ({
  url,
  ...(events && { events }),
  ...(applications && { applications }),
  enabled,
  secret: { set: true as const },
});

/** By its settings and by which secret it has. */
export const webhookVersion = (webhook: StoredWebhook): string =>
  versionOf({ ...webhookDocument(webhook), secret: secretIdOf(webhook.sealed) });

/** The document for the audit: of a secret it says whether it was given anew. */
export const auditedWebhook = (webhook: StoredWebhook, before: StoredWebhook | undefined) => {
  const isNew = before !== undefined && secretIdOf(before.sealed) !== secretIdOf(webhook.sealed);
  return { ...webhookDocument(webhook), ...(isNew && { secret: { set: true, changed: true } }) };
};

/** @param now ms since 1970 @param secret in clear, in the one answer that made it */
export const webhookView = (
  name: string,
  webhook: StoredWebhook,
  state: WebhookState,
  now: number,
  secret?: string,
) => {
  const { disabled, former, createdAt, updatedAt } = webhook;
  const { waiting, failingSince, deliveredAt } = state;
  return {
    ...webhookDocument(webhook),
    ...(secret !== undefined && { secret }),
    webhook: name,
    ...(former !== undefined && former.until > now && { formerSecretUntil: iso(former.until) }),
    ...(disabled && { disabled }),
    waiting,
    ...(failingSince !== undefined && { failingSince: iso(failingSince) }),
    ...(deliveredAt !== undefined && { deliveredAt: iso(deliveredAt) }),
    createdAt,
    updatedAt,
  };
};

export const deliveryView = ({ delivery, nextAt }: ShownDelivery) => {
  const { id, event, attempts, ended, answer } = delivery;
  const { type, at, id: about } = readEvent(event);
  return {
    id,
    type,
    ...(type.startsWith('email.') && { email: about }),
    at: iso(at),
    status: ended ?? 'waiting',
    attempts,
    ...(nextAt !== undefined && { nextAt: iso(nextAt) }),
    ...(answer && { answer }),
  };
};
