// Settings that the operator alone decides; whatever others put, they stay as they were.
import { may, type Identity } from '../mail/settings/api-key';
import { TENANT_BOUNDS, type TenantBounds } from '../mail/settings/tenant-bounds';
import { Problem } from '../mail/input/problem';

type Name = 'dataSources' | 'approval' | 'maxWaiting' | 'maxContentBytes' | keyof TenantBounds;
const OPERATORS: readonly Name[] = [
  'approval',
  'dataSources',
  'maxWaiting',
  'maxContentBytes',
  ...(Object.keys(TENANT_BOUNDS) as (keyof TenantBounds)[]),
];
type OperatorSettings = { [One in Name]?: unknown };

const forbidden = (name: string, message: string): Problem =>
  new Problem('forbidden', `${name} ${message}`, [{ path: `/${name}`, message }]);

/**
 * The settings to be stored. An operator's replace; with any other key his settings stay, whether they are left out of a
 * PUT or repeated as they are.
 * @param isPatch the settings are complete: what they lack was taken away by name
 * @throws Problem `forbidden` where somebody else would change one
 */
export const keepOperatorSettings = <S extends OperatorSettings>(
  identity: Identity,
  settings: S,
  before: OperatorSettings | undefined,
  isPatch: boolean,
): S => {
  if (may(identity, 'operate')) return settings;
  const kept = OPERATORS.map((name) => {
    // No data sources and none given are the same.
    const none = name === 'dataSources' ? [] : null;
    const [given, known] = [settings[name], before?.[name]];
    // An administrator may ask for approvals; it is no second pair of eyes where he may take that back.
    if (name === 'approval' && known === undefined) return [name, given] as const;
    const same = JSON.stringify(given ?? none) === JSON.stringify(known ?? none);
    if (!same && (isPatch || given !== undefined))
      throw forbidden(name, 'may be changed by the operator only: leave it out, it stays as it is');
    return [name, known] as const;
  });
  return { ...settings, ...Object.fromEntries(kept.filter(([, known]) => known !== undefined)) };
};

/**
 * Deleting a queue would take its own sources away and leave the tenant's; made anew, it would want no approvals.
 * @throws Problem `forbidden`
 */
export const requireDeletable = (identity: Identity, before: OperatorSettings | undefined): void => {
  if (may(identity, 'operate')) return;
  if (before?.approval !== undefined)
    throw forbidden('approval', 'is asked for by this queue: only the operator may delete it');
  if (before?.dataSources === undefined) return;
  throw forbidden('dataSources', 'of this queue were set by the operator: only the operator may delete it');
};
