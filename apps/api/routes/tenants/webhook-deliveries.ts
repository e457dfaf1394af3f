// What a webhook was told: looked at, told again, and tried.
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { postEvent } from '../../../../libs/events/webhooks/post-event';
import { RETRIED_MS } from '../../../../libs/events/webhooks/retry-times';
import { notFound, Problem } from '../../../../libs/mail/input/problem';
import { DELIVERY_ID, type ShownDelivery } from '../../../../libs/store/webhooks/deliveries';
import { DELIVERY_STATUSES, WebhookDelivery, WebhookDeliveryPage, WebhookTestResult } from '../../answers/webhooks';
import { endpoint } from '../../http/endpoint/endpoint';
import type { RouteDeps } from '../../http/route-deps';
import { PageQuery } from '../../http/page';
import { deliveryView } from '../../views/webhook-view';
import { existingWebhook, MAY_CHANGE, MAY_READ, WEBHOOK } from './webhooks';

const DELIVERIES = `${WEBHOOK}/deliveries` as const;
/** Of one page, where most of them have another status than is asked for. */
const MOST_READ = 2_000;

const Query = PageQuery.extend({
  status: z
    .enum(DELIVERY_STATUSES)
    .optional()
    .meta({ description: 'Those that stand so: waiting, or how they ended.' }),
});

const listWebhookDeliveries = endpoint({
  method: 'get',
  path: DELIVERIES,
  id: 'listWebhookDeliveries',
  tag: 'Webhooks',
  summary: 'What a webhook was told, and has still to be told',
  description:
    'Newest first: all that wait, and of those that are done with the last 1,000 of 7 days. A page of one `status` may be short and still have a cursor.',
  may: MAY_READ,
  query: Query,
  answers: { 200: { description: 'Deliveries.', schema: WebhookDeliveryPage } },
  problems: ['bad-cursor'],
  async handle(deps: Pick<RouteDeps, 'webhooks' | 'deliveries'>, { tenant, params: { name }, query }) {
    await existingWebhook(deps, tenant, name);
    const { status, limit, cursor } = query;
    if (cursor !== undefined && !DELIVERY_ID.test(cursor))
      throw new Problem('bad-cursor', 'this is no cursor of this list: begin without one');
    const found: ShownDelivery[] = [];
    let before = cursor;
    for (let read = 0; read < MOST_READ && found.length < limit; read += limit) {
      const page = await deps.deliveries.list(tenant, name, { ...(before !== undefined && { before }), limit });
      const wanted = page.filter(({ delivery }) => status === undefined || (delivery.ended ?? 'waiting') === status);
      found.push(...wanted.slice(0, limit - found.length));
      const isCut = wanted.length > 0 && found.at(-1) !== wanted.at(-1);
      before = isCut ? found.at(-1)?.delivery.id : page.at(-1)?.delivery.id;
      if (page.length < limit && !isCut) before = undefined;
      if (before === undefined) break;
    }
    return { body: { deliveries: found.map(deliveryView), nextCursor: before ?? null } };
  },
});

const retryWebhookDelivery = endpoint({
  method: 'post',
  path: `${DELIVERIES}/{id}/retry`,
  id: 'retryWebhookDelivery',
  tag: 'Webhooks',
  summary: 'Tell a webhook again',
  description:
    'At once, with the same `webhook-id`, and where it is not taken for another day. One that waits behind another event of its email keeps its turn.',
  may: MAY_CHANGE,
  grows: 'never',
  answers: { 202: { description: 'It waits to be sent.', schema: WebhookDelivery } },
  problems: ['webhook-off'],
  async handle(
    deps: Pick<RouteDeps, 'webhooks' | 'deliveries' | 'clock' | 'audit'>,
    { tenant, by, params: { name, id } },
  ) {
    const { enabled } = await existingWebhook(deps, tenant, name);
    const now = deps.clock.now();
    const isThere = DELIVERY_ID.test(id) && (await deps.deliveries.has(tenant, name, id));
    if (!isThere) throw notFound(`delivery ${id}`);
    if (!enabled) throw new Problem('webhook-off', `the webhook ${name} is switched off: set enabled to true first`);
    const delivery = await deps.deliveries.again(tenant, name, id, now + RETRIED_MS, now);
    if (delivery === undefined) throw notFound(`delivery ${id}`);
    await deps.webhooks.announce(tenant);
    await deps.audit.record({ by, what: `webhook told again: ${id}`, tenant, target: name });
    return { status: 202, body: deliveryView({ delivery, nextAt: now }) };
  },
});

const testWebhook = endpoint({
  method: 'post',
  path: `${WEBHOOK}/test`,
  id: 'testWebhook',
  tag: 'Webhooks',
  summary: 'Send an event of the type webhook.test now',
  description:
    'Signed as every event is, once, also where the webhook is switched off. The answer has what was answered.',
  may: MAY_CHANGE,
  grows: 'never',
  answers: { 200: { description: 'What came of it.', schema: WebhookTestResult } },
  problems: ['key-missing'],
  async handle(deps: Pick<RouteDeps, 'webhooks' | 'fetcher' | 'clock'>, { tenant, params: { name } }) {
    const webhook = await existingWebhook(deps, tenant, name);
    const at = deps.clock.now();
    const { taken, ms, status, text } = await postEvent(deps.fetcher, {
      url: webhook.url,
      secrets: deps.webhooks.secrets(tenant, name, webhook),
      id: `test_${randomUUID()}`,
      body: {
        type: 'webhook.test',
        timestamp: new Date(at).toISOString(),
        data: { tenant, webhook: name },
      },
      at,
    });
    return { body: { ok: taken, ms, ...(status !== undefined && { status }), text } };
  },
});

export const WEBHOOK_DELIVERY_ENDPOINTS = [listWebhookDeliveries, retryWebhookDelivery, testWebhook];
