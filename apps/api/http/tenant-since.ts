// Since when the tenant of a key is there: what is older belonged to another one of the same name.
import type { Identity } from '../../../libs/mail/settings/api-key';
import type { Rooms } from './rooms';

/** @returns ISO 8601; undefined for the operator, whose all of it is */
export const tenantSince = async (
  { tenants }: Pick<Rooms, 'tenants'>,
  { tenant }: Identity,
): Promise<string | undefined> => (tenant === undefined ? undefined : (await tenants.tenant(tenant))?.createdAt);
