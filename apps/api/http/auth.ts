// Who asks, and whether they may: a foreign place looks like one that does not exist.
import type { Request, RequestHandler, Response } from 'express';
import { may as hasRole, reaches, type Action, type Identity } from '../../../libs/mail/settings/api-key';
import { Problem, notFound } from '../../../libs/mail/input/problem';
import { SLUG, SLUG_RULE, type QueueAddress } from '../../../libs/mail/address/queue-address';
import type { Tenants } from '../../../libs/store/registries/tenants';
import type { Credentials } from './credentials';
import type { Permission } from './permission';

/** The key that a request is made with. */
export const bearerOf = (request: Request): string | undefined =>
  /^Bearer +([!-~]+) *$/i.exec(request.headers.authorization ?? '')?.[1];

/** Puts the identity behind the bearer's key into `response.locals`. @throws Problem `unauthenticated`, and those of `Credentials` */
export const authenticate =
  (credentials: Credentials): RequestHandler =>
  async (request, response, next) => {
    const key = bearerOf(request);
    const identity = key === undefined ? undefined : await credentials.identify(request, key);
    if (identity === undefined) {
      throw new Problem('unauthenticated', 'give a valid key: Authorization: Bearer <key>');
    }
    response.locals['identity'] = identity;
    next();
  };

export const identityOf = (response: Response): Identity => response.locals['identity'] as Identity;

/** A part of the path; routes are written so that it is there. */
export const param = (request: Request, name: string): string => {
  const value = request.params[name];
  return typeof value === 'string' ? value : '';
};

/** @throws Problem `forbidden` */
export const requireRole = (identity: Identity, action: Action): void => {
  if (!hasRole(identity, action)) {
    throw new Problem('forbidden', `a key with the role ${identity.role} may not do this`);
  }
};

/** The tenant of the path. @throws Problem `not-found` where it is foreign or unknown, `forbidden` where the role is too small */
const permitTenant = async (deps: PermitDeps, identity: Identity, tenant: string, may: Permission): Promise<void> => {
  const reached = identity.application === undefined && reaches(identity, { tenant });
  const known = reached && (await deps.tenants.tenant(tenant)) !== undefined;
  // Of one that does not exist nobody learns so, but who may make it.
  if (!known && !(may.whenNew !== undefined && hasRole(identity, may.whenNew))) throw notFound(`tenant ${tenant}`);
  if (known) requireRole(identity, deps.trusted ? (may.whenTrusted ?? may.action) : may.action);
};

/** The same for a queue; it need not exist. */
const permitQueue = async ({ tenants }: PermitDeps, identity: Identity, address: QueueAddress, action: Action) => {
  const { tenant, application } = address;
  const what = `queue ${tenant}/${application}`;
  if (!reaches(identity, address)) throw notFound(what);
  if (!SLUG.test(application))
    throw new Problem('not-found', `there is no ${what}: an application's name ${SLUG_RULE}`);
  if ((await tenants.tenant(tenant)) === undefined) {
    // Others learn nothing; a key of this tenant goes with it.
    if (identity.role !== 'operator') throw notFound(what);
    throw new Problem('not-found', `there is no tenant ${tenant}: put it first, with PUT /v1/tenants/${tenant}`);
  }
  requireRole(identity, action);
};

export interface PermitDeps {
  tenants: Tenants;
  /** Templates run without a sandbox. */
  trusted: boolean;
}

/**
 * May this key do that there?
 * @param place the tenant and the application of the path, '' where it has none
 * @throws Problem `not-found` where the key does not reach the place, `forbidden` where its role is too small
 */
export const permit = async (
  deps: PermitDeps,
  identity: Identity,
  may: Permission,
  place: QueueAddress,
): Promise<void> => {
  if (may.over === 'tenant') await permitTenant(deps, identity, place.tenant, may);
  else if (may.over === 'queue') await permitQueue(deps, identity, place, may.action);
  else requireRole(identity, may.action);
};

/**
 * Since when the tenant of a key is there: what is older belonged to another one of the same name.
 * @returns ISO 8601; undefined for the operator, whose all of it is
 */
export const tenantSince = async (tenants: Tenants, { tenant }: Identity): Promise<string | undefined> =>
  tenant === undefined ? undefined : (await tenants.tenant(tenant))?.createdAt;
