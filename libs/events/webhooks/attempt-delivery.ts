// One attempt to tell a webhook of an event: posted, settled, and the webhook switched off where that is over.
import type { Fetcher } from '../../fetch/fetcher';
import type { Clock } from '../../runtime/clock';
import { messageOf } from '../../runtime/fault';
import type { Claimed, Deliveries } from '../../store/webhooks/deliveries';
import type { Webhooks } from '../../store/webhooks/registry';
import type { EventBody } from '../read-events';
import type { TenantWebhook } from './fan-out';
import { postEvent, type PostedEvent } from './post-event';
import { FAILING_MS, retryDelay } from './retry-times';

export interface AttemptDeps {
  webhooks: Webhooks;
  deliveries: Deliveries;
  fetcher: Fetcher;
  clock: Clock;
  /** It was switched off. @param why for people */
  onSwitchedOff: (webhook: TenantWebhook, why: string) => Promise<void>;
}

/** What follows from an answer. @param now ms since 1970 */
const settledOf = ({ delivery, claim }: Claimed, posted: PostedEvent, now: number) => {
  const attempts = delivery.attempts + 1;
  const { status, text, taken, retryAfter } = posted;
  // The last one is made when the time is over, whatever the pauses have grown to.
  const nextAt = Math.min(now + retryDelay(attempts, retryAfter), delivery.until);
  const isOver = taken || status === 410 || now >= delivery.until;
  const answer = { ...(status !== undefined && { status }), text };
  const ended = taken ? ('delivered' as const) : ('failed' as const);
  return {
    claim,
    delivery: { ...delivery, attempts, answer, ...(isOver && { ended }) },
    ...(!isOver && { nextAt }),
    counts: true,
  };
};

/** Posts one and settles it. */
export const createAttempt = (deps: AttemptDeps) => {
  const { webhooks, deliveries, clock } = deps;

  /** Where nothing was taken for a day, or the endpoint says that it is gone for good. */
  const switchOff = async (placed: TenantWebhook, posted: PostedEvent, failingSince: number): Promise<void> => {
    const { tenant, name, webhook } = placed;
    const now = clock.now();
    const isGone = posted.status === 410;
    const isFailing = now - Math.max(failingSince, webhook.onSince) >= FAILING_MS;
    if (!isGone && !isFailing) return;
    const said = posted.status === undefined ? posted.text : `${posted.status} ${posted.text}`.trim();
    const text = isGone ? `it answered ${said}` : `it took nothing for a day, and answered last: ${said}`;
    const why = { at: new Date(now).toISOString(), reason: isGone ? ('gone' as const) : ('failing' as const), text };
    if (await webhooks.switchOff(tenant, name, webhook.onSince, why)) await deps.onSwitchedOff(placed, text);
  };

  const post = async (
    placed: TenantWebhook,
    id: string,
    body: EventBody,
    signal: AbortSignal,
  ): Promise<PostedEvent> => {
    const { tenant, name, webhook } = placed;
    let secrets: string[];
    try {
      secrets = webhooks.secrets(tenant, name, webhook);
    } catch (error) {
      return { taken: false, text: messageOf(error), ms: 0 };
    }
    return postEvent(deps.fetcher, { url: webhook.url, secrets, id, body, at: clock.now(), signal });
  };

  /** @returns what was answered; undefined where the worker stopped before */
  return async (
    placed: TenantWebhook,
    claimed: Claimed,
    body: EventBody,
    signal: AbortSignal,
  ): Promise<PostedEvent | undefined> => {
    const { tenant, name } = placed;
    const posted = await post(placed, claimed.delivery.id, body, signal).catch((error: unknown) => {
      if (signal.aborted) return undefined;
      throw error;
    });
    const now = clock.now();
    if (posted === undefined) {
      await deliveries.settle(tenant, name, { ...claimed, nextAt: now, counts: false }, now);
      return undefined;
    }
    const failingSince = await deliveries.settle(tenant, name, settledOf(claimed, posted, now), now);
    if (failingSince !== undefined || posted.status === 410) await switchOff(placed, posted, failingSince ?? now);
    return posted;
  };
};
