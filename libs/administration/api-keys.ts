// Issuing and revoking keys: no key reaches farther than the one that issued it, and none is left behind unasked.
import { reaches, type ApiKeyInput, type Identity } from '../mail/settings/api-key';
import { isRangeWithin } from '../mail/settings/address-ranges';
import { Problem, problemAt } from '../mail/input/problem';
import type { Clock } from '../runtime/clock';
import { LONGEST_CHAIN, type ApiKeys, type StoredApiKey } from '../store/registries/api-keys';

/** Does the key's reach lie within the administrator's? */
export const isWithinReach = (
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

/**
 * What a key may be that this one issues. Its rate needs no bound: requests of issued keys count for the issuer's, too.
 * @returns the input, with the issuer's time of expiry where it gives none
 * @throws Problem `forbidden` for a larger reach, `invalid` for a later expiry or other addresses
 */
export const boundedKey = (issuer: Identity, input: ApiKeyInput): ApiKeyInput => {
  if (!isWithinReach(issuer, input)) throw new Problem('forbidden', 'a key may reach no farther than yours');
  const { expiresAt } = issuer;
  if (expiresAt !== undefined && input.expiresAt !== undefined && Date.parse(input.expiresAt) > Date.parse(expiresAt))
    throw problemAt('invalid', ['expiresAt'], `must be no later than ${expiresAt}, when your own key ends`);
  for (const [index, range] of (input.addresses ?? []).entries())
    for (const own of issuer.addresses ?? [])
      if (!isRangeWithin(range, own))
        throw problemAt('invalid', ['addresses', index], `must lie within those of your own key: ${own.join(', ')}`);
  return { ...input, ...(expiresAt !== undefined && input.expiresAt === undefined && { expiresAt }) };
};

/** @throws Problem `key-chain-too-long`, before a key is issued that would never be good */
export const requireShortChain = async (keys: ApiKeys, issuer: Identity): Promise<void> => {
  const all = new Map((await keys.list()).map((key) => [key.id, key]));
  let above = 0;
  for (let next = all.get(issuer.id); next !== undefined; next = all.get(next.issuedBy ?? '')) above++;
  if (above < LONGEST_CHAIN) return;
  const advice = 'issue it with a key nearer to the operator, or revoke those between with ?issued=keep';
  throw new Problem('key-chain-too-long', `${above} keys stand above it, each issued by the next: ${advice}`);
};

/** What becomes of the keys that a revoked one issued. */
export type Issued = 'keep' | 'revoke';

/** The keys that it issued, and those that they issued; nearest first. */
const issuedUnder = (all: StoredApiKey[], id: string): StoredApiKey[] => {
  const found: StoredApiKey[] = [];
  for (let above = new Set([id]); above.size > 0;) {
    const next = all.filter(({ issuedBy }) => issuedBy !== undefined && above.has(issuedBy));
    found.push(...next);
    above = new Set(next.map((key) => key.id));
  }
  return found;
};

/**
 * @returns the keys that were revoked, the key itself first
 * @throws Problem `key-has-issued` where it issued others that hold still, and nobody says what becomes of them
 */
export const revokeWith = async (
  { keys, clock }: { keys: ApiKeys; clock: Clock },
  key: StoredApiKey,
  issued: Issued | undefined,
): Promise<StoredApiKey[]> => {
  const under = issuedUnder(await keys.list(), key.id);
  const holds = ({ expiresAt }: StoredApiKey): boolean =>
    expiresAt === undefined || Date.parse(expiresAt) > clock.now();
  const count = under.filter(holds).length;
  if (issued === undefined && count > 0)
    throw new Problem(
      'key-has-issued',
      `${count} keys that hold still were issued by this one: say what becomes of them, ?issued=keep or ?issued=revoke`,
      [],
      { issued: count },
    );
  if (issued === 'keep') {
    await keys.handOver(key);
    await keys.revoke(key.id);
    // What it issued in between.
    await keys.handOver(key);
    return [key];
  }
  // First: from here on those under it are good for nothing, also one that it issues at this moment.
  await keys.revoke(key.id);
  const all = [...under, ...issuedUnder(await keys.list(), key.id)];
  const rest = [...new Map(all.map((one) => [one.id, one])).values()];
  for (const one of rest) await keys.revoke(one.id);
  return [key, ...rest];
};
