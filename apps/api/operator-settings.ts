// Settings that the operator alone decides; whatever others put, they stay as they were.
import { may, type Identity } from '../../libs/mail/api-key';
import { Problem } from '../../libs/mail/problem';

const OPERATORS = ['dataSources', 'maxWaiting', 'maxContentBytes'] as const;
type OperatorSettings = { [Name in (typeof OPERATORS)[number]]?: unknown };

const forbidden = (name: string, message: string): Problem =>
  new Problem('forbidden', `${name} ${message}`, [{ path: `/${name}`, message }]);

/**
 * The settings to be put. An operator's PUT replaces; with any other key his settings stay, whether they are left out or
 * repeated as they are.
 * @throws Problem `forbidden` where somebody else would change one
 */
export const keepOperatorSettings = <S extends OperatorSettings>(
  identity: Identity,
  settings: S,
  before: OperatorSettings | null,
): S => {
  if (may(identity, 'operate')) return settings;
  const kept = OPERATORS.map((name) => {
    const [given, known] = [settings[name], before?.[name]];
    // No data sources and none given are the same.
    const none = name === 'dataSources' ? [] : undefined;
    if (given !== undefined && JSON.stringify(given) !== JSON.stringify(known ?? none))
      throw forbidden(name, 'may be changed by the operator only: leave it out, it stays as it is');
    return [name, known] as const;
  });
  return { ...settings, ...Object.fromEntries(kept) };
};

/** Deleting a queue would take its own sources away and leave the tenant's. @throws Problem `forbidden` */
export const requireNoSources = (identity: Identity, before: OperatorSettings | undefined): void => {
  if (may(identity, 'operate') || before?.dataSources === undefined) return;
  throw forbidden('dataSources', 'of this queue were set by the operator: only the operator may delete it');
};
