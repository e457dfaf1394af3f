// API keys: issued, listed, revoked.
import { z } from 'zod';
import { boundedKey, isWithinReach, requireShortChain, revokeWith } from '../../../../libs/administration/api-keys';
import { changesBetween } from '../../../../libs/events/field-diff';
import { notFound } from '../../../../libs/mail/input/problem';
import { ApiKeyInput } from '../../../../libs/mail/settings/api-key';
import type { StoredApiKey } from '../../../../libs/store/registries/api-keys';
import { IssuedKey, KeyList } from '../../answers/installation';
import { json } from '../../http/endpoint/body';
import { endpoint } from '../../http/endpoint/endpoint';
import type { RouteDeps } from '../../http/route-deps';
import { apiKeyView } from '../../views/email-view';

const MAY = { action: 'administer', over: 'reach' } as const;

/** Where a key belongs, for the audit. */
const placeOf = ({ tenant, application }: StoredApiKey): { tenant?: string; application?: string } => ({
  ...(tenant && { tenant }),
  ...(application && { application }),
});

const listedKey = (key: StoredApiKey, usedAt: number | undefined) => ({
  ...apiKeyView(key),
  ...(usedAt !== undefined && { lastUsedAt: new Date(usedAt).toISOString() }),
});

const issueKey = endpoint({
  method: 'post',
  path: '/v1/keys',
  id: 'issueKey',
  tag: 'Keys',
  summary: 'Issue a key',
  description:
    'The key is shown this once: only its hash is kept. It reaches no farther than the key that issues it, ends no later, and is good from its addresses only.',
  may: MAY,
  body: json(ApiKeyInput),
  grows: 'always',
  answers: { 201: { description: 'The key.', schema: IssuedKey } },
  problems: ['not-found', 'key-chain-too-long'],
  async handle(
    { keys, tenants, audit, budget }: Pick<RouteDeps, 'keys' | 'tenants' | 'audit' | 'budget'>,
    { identity, by, body },
  ) {
    const input = boundedKey(identity, body);
    if (input.tenant !== undefined && (await tenants.tenant(input.tenant)) === undefined)
      throw notFound(`tenant ${input.tenant}`);
    await requireShortChain(keys, identity);
    const bound = input.tenant === undefined ? undefined : await budget.bound(input.tenant, 'maxKeys');
    const { stored, key } = await keys.issue(input, identity, bound);
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
  description: 'Without their secrets, those that have expired too; with when each was used last, to the minute.',
  may: MAY,
  answers: { 200: { description: 'The keys.', schema: KeyList } },
  async handle({ keys }: Pick<RouteDeps, 'keys'>, { identity }) {
    const [all, uses] = await Promise.all([keys.list(), keys.lastUses()]);
    return {
      body: { keys: all.filter((key) => isWithinReach(identity, key)).map((key) => listedKey(key, uses.get(key.id))) },
    };
  },
});

const revokeKey = endpoint({
  method: 'delete',
  path: '/v1/keys/{id}',
  id: 'revokeKey',
  tag: 'Keys',
  summary: 'Revoke a key',
  description:
    'From the next request on nobody gets in by it. Where it issued others that hold still, `issued` says what becomes of them: they are revoked too, or kept under whoever issued it.',
  may: MAY,
  query: z.strictObject({
    issued: z.enum(['keep', 'revoke']).optional().meta({ description: 'What becomes of the keys that it issued.' }),
  }),
  answers: { 204: { description: 'It is revoked.' } },
  problems: ['not-found', 'key-has-issued'],
  async handle(
    { keys, audit, clock }: Pick<RouteDeps, 'keys' | 'audit' | 'clock'>,
    { identity, by, params: { id }, query: { issued } },
  ) {
    const key = (await keys.list()).find((one) => one.id === id);
    if (key === undefined || !isWithinReach(identity, key)) throw notFound(`key ${id}`);
    for (const revoked of await revokeWith({ keys, clock }, key, issued))
      await audit.record({
        by,
        what: 'key revoked',
        ...placeOf(revoked),
        target: revoked.id,
        fields: changesBetween(apiKeyView(revoked), {}),
      });
    return { status: 204 };
  },
});

export const KEY_ENDPOINTS = [issueKey, listKeys, revokeKey];
