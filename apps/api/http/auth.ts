// Who asks, and whether they may: a foreign place looks like one that does not exist.
import type { Request, RequestHandler, Response } from 'express';
import { may, reaches, type Action, type Identity } from '../../../libs/mail/settings/api-key';
import { Problem, notFound } from '../../../libs/mail/input/problem';
import { SLUG, SLUG_RULE } from '../../../libs/mail/address/queue-address';
import type { Tenants } from '../../../libs/store/registries/tenants';
import type { Credentials } from './credentials';

/** Puts the identity behind the bearer's key into `response.locals`. @throws Problem `unauthenticated`, and those of `Credentials` */
export const authenticate =
  (credentials: Credentials): RequestHandler =>
  async (request, response, next) => {
    const [, key] = /^Bearer +([!-~]+) *$/i.exec(request.headers.authorization ?? '') ?? [];
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

/** `sender key 3f2a (billing)`: how a change is signed. */
export const signatureOf = ({ id, role, name }: Identity): string =>
  id === 'operator' ? 'operator' : `${role} ${id}${name === undefined ? '' : ` (${name})`}`;

export interface Guard {
  /** Whatever is asked for belongs to no tenant. */
  installation(response: Response, action: Action): Identity;
  /** @throws Problem `not-found` where the tenant is foreign or unknown, `forbidden` where the role is too small */
  tenant(request: Request, response: Response, action: Action): Promise<{ identity: Identity; tenant: string }>;
  /** The same for a queue; it need not exist. */
  queue(
    request: Request,
    response: Response,
    action: Action,
  ): Promise<{ identity: Identity; address: { tenant: string; application: string } }>;
}

const requireRole = (identity: Identity, action: Action): void => {
  if (!may(identity, action)) {
    throw new Problem('forbidden', `a key with the role ${identity.role} may not do this`);
  }
};

export const createGuard = (tenants: Tenants): Guard => ({
  installation(response, action) {
    const identity = identityOf(response);
    requireRole(identity, action);
    return identity;
  },
  async tenant(request, response, action) {
    const identity = identityOf(response);
    const tenant = param(request, 'tenant');
    const reached = identity.application === undefined && reaches(identity, { tenant });
    if (!reached || (await tenants.tenant(tenant)) === undefined) throw notFound(`tenant ${tenant}`);
    requireRole(identity, action);
    return { identity, tenant };
  },
  async queue(request, response, action) {
    const identity = identityOf(response);
    const address = { tenant: param(request, 'tenant'), application: param(request, 'application') };
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
    return { identity, address };
  },
});

/**
 * Since when the tenant of a key is there: what is older belonged to another one of the same name.
 * @returns ISO 8601; undefined for the operator, whose all of it is
 */
export const tenantSince = async (
  { tenants }: { tenants: Tenants },
  { tenant }: Identity,
): Promise<string | undefined> => (tenant === undefined ? undefined : (await tenants.tenant(tenant))?.createdAt);
