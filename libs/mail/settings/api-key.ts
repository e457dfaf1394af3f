// Who may do what: the four roles of a key and its reach.
import { z } from 'zod';
import { Instant } from '../input/instant';
import { Slug } from '../address/queue-address';
import { HeaderText } from '../address/address';

export const ROLES = ['operator', 'admin', 'sender', 'reader'] as const;
export type Role = (typeof ROLES)[number];

export const ApiKeyInput = z
  .strictObject({
    role: z.enum(ROLES),
    tenant: Slug.optional(),
    application: Slug.optional(),
    name: HeaderText(100).optional(),
    expiresAt: Instant.optional(),
  })
  .superRefine((key, context) => {
    const complain = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (key.role === 'operator' && key.tenant !== undefined)
      complain('tenant', 'an operator reaches all tenants: leave tenant out');
    if (key.role !== 'operator' && key.tenant === undefined)
      complain('tenant', `a key with the role ${key.role} needs a tenant`);
    if (key.application !== undefined && key.tenant === undefined) complain('application', 'needs a tenant');
  })
  .meta({ id: 'ApiKeyRequest' });

export type ApiKeyInput = z.infer<typeof ApiKeyInput>;

/** Whoever makes a request. */
export interface Identity {
  /** For records of changes: the key's id and name, never the key. */
  id: string;
  name?: string;
  role: Role;
  tenant?: string;
  application?: string;
}

/** Things that a role may do. */
export type Action = 'read' | 'send' | 'administer' | 'operate';

const MAY: Record<Role, readonly Action[]> = {
  reader: ['read'],
  sender: ['read', 'send'],
  admin: ['read', 'send', 'administer'],
  operator: ['read', 'send', 'administer', 'operate'],
};

export const may = (identity: Identity, action: Action): boolean => MAY[identity.role].includes(action);

/** Does the key's reach hold this place? A key of one application does not reach what belongs to the whole tenant. */
export const reaches = (identity: Identity, place: { tenant: string; application?: string }): boolean => {
  if (identity.role === 'operator') return true;
  if (identity.tenant !== place.tenant) return false;
  return identity.application === undefined || identity.application === place.application;
};
