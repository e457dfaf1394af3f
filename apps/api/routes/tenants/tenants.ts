// Tenants: their settings, and the secret that their data sources check our requests with.
import { changesBetween } from '../../../../libs/events/field-diff';
import { keepOperatorSettings } from '../../../../libs/administration/operator-settings';
import { PauseInput } from '../../../../libs/administration/pause';
import { DUE_NOW } from '../../../../libs/jobs/layout/schedule';
import { queueName, Slug } from '../../../../libs/mail/address/queue-address';
import { parseInput } from '../../../../libs/mail/input/parse-input';
import { notFound, Problem } from '../../../../libs/mail/input/problem';
import { TenantSettings } from '../../../../libs/mail/settings/settings';
import type { SigningSecrets } from '../../../../libs/store/registries/signing-secrets';
import { SigningSecret } from '../../answers/installation';
import { TenantDetails, TenantPage } from '../../answers/tenants-and-queues';
import { mergePatchOf, optionalJson, uncheckedJson } from '../../http/endpoint/body';
import { endpoint, type Asked } from '../../http/endpoint/endpoint';
import { TENANT } from '../../http/endpoint/paths';
import { checkNames, pageOf, PageQuery } from '../../http/page';
import type { RouteDeps } from '../../http/route-deps';
import { readChange, versionGuard } from '../../http/settings-change';
import { documentAnswer, COMPUTED, tenantDocument, tenantVersion, tenantView } from '../../views/settings-documents';
import { existingTenant } from '../../../../libs/administration/existing';

type Store = Pick<RouteDeps, 'tenants'>;
type ChangeDeps = Pick<RouteDeps, 'tenants' | 'schedule' | 'audit' | 'budget'>;

/** A tenant that may send again, by other limits perhaps: whatever became due meanwhile is looked at. */
export const wakeQueues = async (
  { tenants, schedule }: Pick<RouteDeps, 'tenants' | 'schedule'>,
  tenant: string,
): Promise<void> => {
  const queues = await tenants.queues(tenant);
  await Promise.all(queues.map((queue) => schedule.announce(queueName(queue), DUE_NOW)));
};

/** PUT and PATCH. */
const change = async (deps: ChangeDeps, asked: Asked<'tenant', typeof TENANT, never, unknown>) => {
  const { identity, by } = asked;
  const tenant = parseInput(Slug, asked.tenant, ['tenant']);
  const change = readChange(asked, { identity: { tenant }, computed: COMPUTED.tenant }, `tenant ${tenant}`);
  const { before, after } = await deps.tenants.change(
    tenant,
    (present) => {
      change.requireVersion(present && tenantVersion(present));
      const settings = parseInput(TenantSettings, change.wanted(present && tenantDocument(present.settings)));
      deps.tenants.requireRetries(settings, present?.settings);
      return keepOperatorSettings(identity, settings, present?.settings, change.isPatch);
    },
    await deps.budget.boundOfTenants(),
  );
  await deps.audit.record({
    by,
    what: `tenant ${change.isPatch ? 'patched' : 'put'}`,
    tenant,
    fields: changesBetween(before ? tenantDocument(before.settings) : {}, tenantDocument(after.settings)),
  });
  if (after.settings.enabled !== false) await wakeQueues(deps, tenant);
  return documentAnswer(before === undefined ? 201 : 200, tenantVersion(after), tenantView(after));
};

const MAY_CHANGE = { action: 'administer', over: 'tenant', whenNew: 'operate' } as const;
const changed = { schema: TenantDetails, headers: ['ETag'] } as const;

const listTenants = endpoint({
  method: 'get',
  path: '/v1/tenants',
  id: 'listTenants',
  tag: 'Tenants',
  summary: 'All tenants, by name',
  description: 'Pages of the tenants of the installation, with their settings.',
  may: { action: 'operate', over: 'installation' },
  query: PageQuery,
  answers: { 200: { description: 'One page.', schema: TenantPage } },
  async handle({ tenants }: Store, { query }) {
    checkNames(query, { parts: 1 });
    const { page, nextCursor } = pageOf(await tenants.list(), ({ tenant }) => tenant, query);
    return { body: { tenants: page.map(tenantView), nextCursor } };
  },
});

const putTenant = endpoint({
  method: 'put',
  path: TENANT,
  id: 'putTenant',
  tag: 'Tenants',
  summary: 'Put a tenant',
  description: 'Replaces all its settings. `dataSources`, and what begins with `max`, are the operator’s alone.',
  may: MAY_CHANGE,
  body: uncheckedJson(TenantSettings),
  heeds: ['If-Match'],
  grows: 'sometimes',
  answers: { 200: { description: 'It is changed.', ...changed }, 201: { description: 'It is new.', ...changed } },
  handle: change,
});

const patchTenant = endpoint({
  method: 'patch',
  path: TENANT,
  id: 'patchTenant',
  tag: 'Tenants',
  summary: 'Change settings of a tenant',
  description: 'A JSON Merge Patch (RFC 7396): what is not named stays, null takes a setting away.',
  may: MAY_CHANGE,
  body: mergePatchOf(TenantSettings),
  heeds: ['If-Match'],
  grows: 'sometimes',
  answers: { 200: { description: 'It is changed.', ...changed } },
  handle: change,
});

const getTenant = endpoint({
  method: 'get',
  path: TENANT,
  id: 'getTenant',
  tag: 'Tenants',
  summary: 'A tenant and its settings',
  description: 'The settings that were put; what they lack is as the defaults say.',
  may: { action: 'read', over: 'tenant' },
  answers: { 200: { description: 'The tenant.', ...changed } },
  async handle({ tenants }: Store, { tenant }) {
    const found = await existingTenant({ tenants }, tenant);
    return documentAnswer(200, tenantVersion(found), tenantView(found));
  },
});

const deleteTenant = endpoint({
  method: 'delete',
  path: TENANT,
  id: 'deleteTenant',
  tag: 'Tenants',
  summary: 'Delete a tenant without queues',
  description: 'Its keys, transports and templates go with it.',
  may: { action: 'operate', over: 'tenant' },
  heeds: ['If-Match'],
  answers: { 204: { description: 'It is gone.' } },
  problems: ['tenant-not-empty'],
  async handle({ tenants, keys, audit }: Pick<RouteDeps, 'tenants' | 'keys' | 'audit'>, { tenant, by, ifMatch }) {
    const present = await tenants.tenant(tenant);
    versionGuard(ifMatch)(present && tenantVersion(present));
    const queues = await tenants.queues(tenant);
    if (queues.length > 0) {
      throw new Problem('tenant-not-empty', `the tenant has ${queues.length} queues: delete those first`);
    }
    for (const key of await keys.list()) if (key.tenant === tenant) await keys.revoke(key.id);
    await tenants.remove(tenant);
    await audit.record({
      by,
      what: 'tenant deleted',
      tenant,
      fields: changesBetween(present ? tenantDocument(present.settings) : {}, {}),
    });
    return { status: 204 };
  },
});

const pauseOrResume = (name: 'pause' | 'resume', about: { id: string; summary: string; description: string }) =>
  endpoint({
    method: 'post',
    path: `${TENANT}/${name}`,
    tag: 'Tenants',
    may: { action: 'administer', over: 'tenant' },
    body: optionalJson(PauseInput),
    heeds: ['If-Match'],
    grows: 'never',
    answers: { 200: { description: 'The tenant as it is now.', ...changed } },
    ...about,
    async handle(deps: ChangeDeps, { tenant, by, body: { reason }, ifMatch }) {
      const enabled = name === 'resume';
      const { after } = await deps.tenants.change(
        tenant,
        (present) => {
          if (present === undefined) throw notFound(`tenant ${tenant}`);
          versionGuard(ifMatch)(tenantVersion(present));
          return { ...present.settings, enabled };
        },
        await deps.budget.boundOfTenants(),
      );
      await deps.audit.record({ by, what: `tenant ${name}d`, tenant, ...(reason !== undefined && { reason }) });
      if (enabled) await wakeQueues(deps, tenant);
      return documentAnswer(200, tenantVersion(after), tenantView(after));
    },
  });

const pauseTenant = pauseOrResume('pause', {
  id: 'pauseTenant',
  summary: 'Send nothing of the tenant until resumed',
  description: 'The same as `{"enabled": false}`, with a reason for the audit. Its queues accept and keep emails.',
});

const resumeTenant = pauseOrResume('resume', {
  id: 'resumeTenant',
  summary: 'Send again',
  description: 'What became due meanwhile is sent now.',
});

const SIGNING_SECRET = `${TENANT}/signing-secret` as const;
const MAY_SIGN = { action: 'administer', over: 'tenant' } as const;

const secretView = ({ secret, previous }: SigningSecrets, now: number) => ({
  secret,
  ...(previous !== undefined &&
    previous.until > now && { previous: { secret: previous.secret, until: new Date(previous.until).toISOString() } }),
});

const getSigningSecret = endpoint({
  method: 'get',
  path: SIGNING_SECRET,
  id: 'getSigningSecret',
  tag: 'Tenants',
  summary: 'What data sources check our requests with',
  description: 'Made when it is first asked for.',
  may: MAY_SIGN,
  answers: { 200: { description: 'The secret.', schema: SigningSecret } },
  problems: ['key-missing'],
  async handle({ signingSecrets, clock }: Pick<RouteDeps, 'signingSecrets' | 'clock'>, { tenant }) {
    return { body: secretView(await signingSecrets.get(tenant), clock.now()) };
  },
});

const rotateSigningSecret = endpoint({
  method: 'post',
  path: SIGNING_SECRET,
  id: 'rotateSigningSecret',
  tag: 'Tenants',
  summary: 'Make a new signing secret',
  description: 'The one before it holds for a day, so that every source can be told.',
  may: MAY_SIGN,
  grows: 'never',
  answers: { 201: { description: 'The new secret, and the one before it.', schema: SigningSecret } },
  async handle(deps: Pick<RouteDeps, 'signingSecrets' | 'audit' | 'clock'>, { tenant, by }) {
    const rotated = await deps.signingSecrets.rotate(tenant);
    await deps.audit.record({ by, what: 'signing secret changed', tenant });
    return { status: 201, body: secretView(rotated, deps.clock.now()) };
  },
});

export const TENANT_ENDPOINTS = [
  listTenants,
  putTenant,
  patchTenant,
  getTenant,
  deleteTenant,
  pauseTenant,
  resumeTenant,
  getSigningSecret,
  rotateSigningSecret,
];
