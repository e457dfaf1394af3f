// Who decides where data may be fetched from: the operator alone; whatever others put, that stays as it was.
import { may, type Identity } from '../../libs/mail/api-key';
import { Problem } from '../../libs/mail/problem';

interface WithSources {
  dataSources?: string[] | undefined;
}

const forbidden = (message: string): Problem =>
  new Problem('forbidden', `dataSources ${message}`, [{ path: '/dataSources', message }]);

/**
 * The settings to be put. An operator's PUT replaces; with any other key `dataSources` stays, whether it is left out or
 * repeated as it is.
 * @throws Problem `forbidden` where somebody else would change it
 */
export const keepSources = <S extends WithSources>(identity: Identity, settings: S, before: WithSources | null): S => {
  if (may(identity, 'operate')) return settings;
  const [given, kept] = [settings.dataSources, before?.dataSources];
  if (given !== undefined && JSON.stringify(given) !== JSON.stringify(kept ?? []))
    throw forbidden('may be changed by the operator only: leave it out, it stays as it is');
  return kept === undefined ? { ...settings, dataSources: undefined } : { ...settings, dataSources: kept };
};

/** Deleting a queue would take its own sources away and leave the tenant's. @throws Problem `forbidden` */
export const requireNoSources = (identity: Identity, before: WithSources | undefined): void => {
  if (may(identity, 'operate') || before?.dataSources === undefined) return;
  throw forbidden('of this queue were set by the operator: only the operator may delete it');
};
