// Webhooks of a tenant: put, looked at, tried, deleted.
import { changesBetween } from '../../../../libs/events/field-diff';
import { existingTenant } from '../../../../libs/administration/existing';
import { Slug, SLUG } from '../../../../libs/mail/address/queue-address';
import { parseInput } from '../../../../libs/mail/input/parse-input';
import { notFound } from '../../../../libs/mail/input/problem';
import { WebhookInput, type StoredWebhook } from '../../../../libs/mail/webhooks/webhook';
import { WebhookDetails, WebhookList } from '../../answers/webhooks';
import { mergePatchOf, uncheckedJson } from '../../http/endpoint/body';
import { endpoint, type Asked } from '../../http/endpoint/endpoint';
import { TENANT } from '../../http/endpoint/paths';
import { requirePostable } from './postable';
import type { RouteDeps } from '../../http/route-deps';
import { readChange, versionGuard } from '../../http/settings-change';
import { documentAnswer } from '../../views/settings-documents';
import {
  auditedWebhook,
  COMPUTED_OF_WEBHOOKS,
  webhookDocument,
  webhookVersion,
  webhookView,
} from '../../views/webhook-view';

const WEBHOOKS = `${TENANT}/webhooks` as const;
export const WEBHOOK = `${WEBHOOKS}/{name}` as const;
export const MAY_READ = { action: 'read', over: 'tenant' } as const;
export const MAY_CHANGE = { action: 'administer', over: 'tenant' } as const;

type Store = Pick<RouteDeps, 'webhooks'>;
type ShowDeps = Store & Pick<RouteDeps, 'deliveries' | 'clock'>;
type ChangeDeps = ShowDeps & Pick<RouteDeps, 'tenants' | 'fetcher' | 'audit' | 'budget'>;

/** PUT and PATCH. */
const change = async (deps: ChangeDeps, asked: Asked<'tenant', typeof WEBHOOK, never, unknown>) => {
  const { tenant, by } = asked;
  const name = parseInput(Slug, asked.params.name, ['name']);
  await existingTenant(deps, tenant);
  const none = { identity: { webhook: name }, computed: COMPUTED_OF_WEBHOOKS };
  const change = readChange(asked, none, `webhook ${name}`);
  const { before, after, made } = await deps.webhooks.change(
    tenant,
    name,
    (present) => {
      change.requireVersion(present && webhookVersion(present));
      const input = parseInput(WebhookInput, change.wanted(present && webhookDocument(present)));
      requirePostable(deps, input.url, ['url']);
      return input;
    },
    await deps.budget.bound(tenant, 'maxWebhooks'),
  );
  await deps.audit.record({
    by,
    what: `webhook ${change.isPatch ? 'patched' : 'put'}`,
    tenant,
    target: name,
    fields: changesBetween(before ? webhookDocument(before) : {}, auditedWebhook(after, before)),
  });
  const state = await deps.deliveries.state(tenant, name);
  const view = webhookView(name, after, state, deps.clock.now(), made);
  return documentAnswer(before === undefined ? 201 : 200, webhookVersion(after), view);
};

/** @throws Problem `not-found` */
export const existingWebhook = async ({ webhooks }: Store, tenant: string, name: string): Promise<StoredWebhook> => {
  const found = SLUG.test(name) ? await webhooks.get(tenant, name) : undefined;
  if (found === undefined) throw notFound(`webhook ${name}`);
  return found;
};

const changed = { schema: WebhookDetails, headers: ['ETag'] } as const;

const listWebhooks = endpoint({
  method: 'get',
  path: WEBHOOKS,
  id: 'listWebhooks',
  tag: 'Webhooks',
  summary: 'The webhooks of a tenant',
  description: 'All of them, without their secrets.',
  may: MAY_READ,
  answers: { 200: { description: 'The webhooks.', schema: WebhookList } },
  async handle({ webhooks, deliveries, clock }: ShowDeps, { tenant }) {
    const all = await webhooks.list(tenant);
    const states = await Promise.all(all.map(({ name }) => deliveries.state(tenant, name)));
    const now = clock.now();
    return {
      body: {
        webhooks: all.map(({ name, webhook }, index) =>
          webhookView(name, webhook, states[index] ?? { waiting: 0 }, now),
        ),
      },
    };
  },
});

const putWebhook = endpoint({
  method: 'put',
  path: WEBHOOK,
  id: 'putWebhook',
  tag: 'Webhooks',
  summary: 'Put a webhook',
  description:
    'Replaces all its settings. A secret is made where there is none, and shown in this one answer; left out, or given as `{"set": true}`, it stays. It is told of what happens from the answer on, also where it was switched off before.',
  may: MAY_CHANGE,
  body: uncheckedJson(WebhookInput),
  heeds: ['If-Match'],
  grows: 'sometimes',
  answers: { 200: { description: 'It is changed.', ...changed }, 201: { description: 'It is new.', ...changed } },
  problems: ['key-missing'],
  handle: change,
});

const patchWebhook = endpoint({
  method: 'patch',
  path: WEBHOOK,
  id: 'patchWebhook',
  tag: 'Webhooks',
  summary: 'Change settings of a webhook',
  description: 'A JSON Merge Patch (RFC 7396): what is not named stays, null takes a setting away.',
  may: MAY_CHANGE,
  body: mergePatchOf(WebhookInput),
  heeds: ['If-Match'],
  grows: 'sometimes',
  answers: { 200: { description: 'It is changed.', ...changed } },
  problems: ['key-missing'],
  handle: change,
});

const getWebhook = endpoint({
  method: 'get',
  path: WEBHOOK,
  id: 'getWebhook',
  tag: 'Webhooks',
  summary: 'A webhook, without its secret',
  description: 'With how much waits for it, since when it fails, and why the service switched it off.',
  may: MAY_READ,
  answers: { 200: { description: 'The webhook.', ...changed } },
  async handle(deps: ShowDeps, { tenant, params: { name } }) {
    const found = await existingWebhook(deps, tenant, name);
    const state = await deps.deliveries.state(tenant, name);
    return documentAnswer(200, webhookVersion(found), webhookView(name, found, state, deps.clock.now()));
  },
});

const deleteWebhook = endpoint({
  method: 'delete',
  path: WEBHOOK,
  id: 'deleteWebhook',
  tag: 'Webhooks',
  summary: 'Delete a webhook',
  description: 'With everything that waits for it, and what is known of what it was told.',
  may: MAY_CHANGE,
  heeds: ['If-Match'],
  answers: { 204: { description: 'It is gone.' } },
  async handle({ webhooks, audit }: Store & Pick<RouteDeps, 'audit'>, { tenant, by, params: { name }, ifMatch }) {
    const requireVersion = versionGuard(ifMatch);
    const removed = await webhooks.remove(tenant, name, (present) => requireVersion(webhookVersion(present)));
    if (removed === undefined) throw notFound(`webhook ${name}`);
    const fields = changesBetween(webhookDocument(removed), {});
    await audit.record({ by, what: 'webhook deleted', tenant, target: name, fields });
    return { status: 204 };
  },
});

const rotateWebhookSecret = endpoint({
  method: 'post',
  path: `${WEBHOOK}/secret`,
  id: 'rotateWebhookSecret',
  tag: 'Webhooks',
  summary: 'Make a new secret for a webhook',
  description:
    'It is shown in this one answer. The one before it signs along for a day, so that the receiver can be told.',
  may: MAY_CHANGE,
  grows: 'never',
  answers: { 200: { description: 'The webhook with its new secret.', ...changed } },
  problems: ['key-missing'],
  async handle(deps: ShowDeps & Pick<RouteDeps, 'audit'>, { tenant, by, params: { name } }) {
    const rotated = SLUG.test(name) ? await deps.webhooks.rotate(tenant, name) : undefined;
    if (rotated === undefined) throw notFound(`webhook ${name}`);
    const { webhook, secret } = rotated;
    await deps.audit.record({ by, what: 'webhook secret changed', tenant, target: name });
    const state = await deps.deliveries.state(tenant, name);
    return documentAnswer(200, webhookVersion(webhook), webhookView(name, webhook, state, deps.clock.now(), secret));
  },
});

export const WEBHOOK_ENDPOINTS = [
  listWebhooks,
  putWebhook,
  patchWebhook,
  getWebhook,
  deleteWebhook,
  rotateWebhookSecret,
];
