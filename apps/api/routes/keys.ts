// API keys: issued, listed, revoked.
import { changesBetween } from '../../../libs/administration/field-diff';
import { notFound, Problem } from '../../../libs/mail/input/problem';
import { ApiKeyInput, reaches, type Identity } from '../../../libs/mail/settings/api-key';
import type { StoredApiKey } from '../../../libs/store/registries/api-keys';
import { IssuedKey, KeyList } from '../answers/installation';
import { json } from '../http/endpoint/body';
import { endpoint } from '../http/endpoint/endpoint';
import type { Rooms } from '../http/rooms';
import { apiKeyView } from '../views/view';

const MAY = { action: 'administer', over: 'reach' } as const;

/** A key's reach lies within the administrator's. */
const within = (
  identity: Identity,
  key: { role: string; tenant?: string | undefined; application?: string | undefined },
): boolean => {
  if (identity.role === 'operator') return true;
  if (key.role === 'operator' || key.tenant === undefined) return false;
  return reaches(identity, {
    tenant: key.tenant,
    ...(key.application !== undefined && { application: key.application }),
  });
};

/** Where a key belongs, for the audit. */
const placeOf = ({ tenant, application }: StoredApiKey): { tenant?: string; application?: string } => ({
  ...(tenant && { tenant }),
  ...(application && { application }),
});

const issueKey = endpoint({
  method: 'post',
  path: '/v1/keys',
  id: 'issueKey',
  tag: 'Keys',
  summary: 'Issue a key',
  description: 'The key is shown this once: only its hash is kept. It reaches no farther than the key that issues it.',
  may: MAY,
  body: json(ApiKeyInput),
  answers: { 201: { description: 'The key.', schema: IssuedKey } },
  problems: ['not-found'],
  async handle({ keys, tenants, audit }: Pick<Rooms, 'keys' | 'tenants' | 'audit'>, { identity, by, body }) {
    if (!within(identity, body)) throw new Problem('forbidden', 'a key may reach no farther than yours');
    if (body.tenant !== undefined && (await tenants.tenant(body.tenant)) === undefined)
      throw notFound(`tenant ${body.tenant}`);
    const { stored, key } = await keys.issue(body);
    await audit.record({
      by,
      what: `key issued (${stored.role})`,
      ...placeOf(stored),
      target: stored.id,
      fields: changesBetween({}, apiKeyView(stored)),
    });
    return { status: 201, body: { ...apiKeyView(stored), key } };
  },
});

const listKeys = endpoint({
  method: 'get',
  path: '/v1/keys',
  id: 'listKeys',
  tag: 'Keys',
  summary: 'The keys that the key administers',
  description: 'Without their secrets, those that have expired too.',
  may: MAY,
  answers: { 200: { description: 'The keys.', schema: KeyList } },
  async handle({ keys }: Pick<Rooms, 'keys'>, { identity }) {
    const all = await keys.list();
    return { body: { keys: all.filter((key) => within(identity, key)).map(apiKeyView) } };
  },
});

const revokeKey = endpoint({
  method: 'delete',
  path: '/v1/keys/{id}',
  id: 'revokeKey',
  tag: 'Keys',
  summary: 'Revoke a key',
  description: 'From the next request on nobody gets in by it.',
  may: MAY,
  answers: { 204: { description: 'It is revoked.' } },
  problems: ['not-found'],
  async handle({ keys, audit }: Pick<Rooms, 'keys' | 'audit'>, { identity, by, params: { id } }) {
    const key = (await keys.list()).find((one) => one.id === id);
    if (key === undefined || !within(identity, key)) throw notFound(`key ${id}`);
    await keys.revoke(id);
    await audit.record({
      by,
      what: 'key revoked',
      ...placeOf(key),
      target: id,
      fields: changesBetween(apiKeyView(key), {}),
    });
    return { status: 204 };
  },
});

export const KEY_ENDPOINTS = [issueKey, listKeys, revokeKey];
