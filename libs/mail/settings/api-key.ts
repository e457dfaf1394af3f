// Who may do what: the four roles of a key and its reach.
import { z } from 'zod';
import { Instant } from '../input/instant';
import { Slug } from '../address/queue-address';
import { HeaderText } from '../address/address';
import { Duration, parseDuration } from '../input/duration';
import { AddressRange } from './address-ranges';

export const ROLES = ['operator', 'admin', 'sender', 'reader'] as const;
export type Role = (typeof ROLES)[number];

/** Windows are whole seconds, a day at most. What is no span at all has been told. */
const isWindow = (span: string): boolean => {
  const ms = parseDuration(span);
  return ms === undefined || (ms >= 1_000 && ms <= 86_400_000 && ms % 1_000 === 0);
};

/** Requests in a window. */
const KeyRate = z.strictObject({
  max: z.int().min(1).max(1_000_000),
  per: Duration.refine(isWindow, 'must be whole seconds, from 1s to 1d'),
});

export const ApiKeyInput = z
  .strictObject({
    role: z.enum(ROLES),
    tenant: Slug.optional(),
    application: Slug.optional(),
    name: HeaderText(100).optional(),
    expiresAt: Instant.optional(),
    /** Where it may be used from; from everywhere where nothing is said. */
    addresses: z.array(AddressRange).min(1).max(100).optional(),
    /** Requests with this key, and with those that it issued, over all replicas. */
    rate: KeyRate.optional(),
    /** By SMTP it may also say when, with which tags, and from which template (docs/smtp.md). */
    smtpControl: z.boolean().optional(),
  })
  .superRefine((key, context) => {
    const complain = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (key.role === 'operator' && key.tenant !== undefined)
      complain('tenant', 'an operator reaches all tenants: leave tenant out');
    if (key.role !== 'operator' && key.tenant === undefined)
      complain('tenant', `a key with the role ${key.role} needs a tenant`);
    if (key.application !== undefined && key.tenant === undefined) complain('application', 'needs a tenant');
    if (key.smtpControl === true && key.role !== 'sender' && key.role !== 'admin')
      complain('smtpControl', 'is for keys with the role sender or admin: leave it out');
  })
  .meta({ id: 'ApiKeyRequest', examples: [{ role: 'sender', tenant: 'acme', application: 'billing' }] });

export type ApiKeyInput = z.infer<typeof ApiKeyInput>;

/** Requests that a key may make: `max` in each window of `per` ms. */
export interface RateOfKey {
  /** Id of the key. */
  key: string;
  max: number;
  per: number;
}

/** Whoever makes a request. What is said of a key holds for those that it issued, and for those that they issued. */
export interface Identity {
  /** For records of changes: the key's id and name, never the key; or a person's (person.ts). */
  id: string;
  name?: string;
  /** Of a person who acts by no key: what tells them from others of the same name. */
  login?: string;
  role: Role;
  tenant?: string;
  application?: string;
  /** ISO 8601; the earliest of its own and of those above it. */
  expiresAt?: string;
  /** Ranges that its requests must come from: one of each list, its own and those of the keys above it. */
  addresses?: string[][];
  /** Its own first, then those of the keys above it. */
  rates?: RateOfKey[];
  /** Control fields of its messages by SMTP count. */
  smtpControl?: true;
  /** The key of the tenant that it goes back to: what its holder issued, and what that issued. Its own id where it is the first. */
  hand?: string;
}

/**
 * Who acts, as far as approvals ask: keys of one hand are one person's, whatever they are called and whoever holds them, since
 * whoever issues a key has seen it.
 */
export interface Hand {
  id: string;
  /** Its role lets it approve what others sent. */
  approves: boolean;
}

/** Who issued a key, as its record says: a key's id, or a person in words, `M. Weber <m.weber@acme.example>`. */
export const issuerOf = ({ id, name, login }: Identity): string =>
  login === undefined ? id : `${name ?? login} <${login}>`;

/** No key's id has an angle bracket. */
export const isPerson = (issuer: string): boolean => issuer.endsWith('>');

/**
 * `sender 3f2a (billing)`, `operator (M. Weber)`, of a person `M. Weber <m.weber@acme.example> (admin)`: how a change is signed.
 * None can be taken for one of the other kind: a key's begins with its role and ends with its name.
 */
export const signatureOf = (identity: Identity): string => {
  const { id, role, name, login } = identity;
  if (login !== undefined) return `${issuerOf(identity)} (${role})`;
  return `${id === 'operator' ? 'operator' : `${role} ${id}`}${name === undefined ? '' : ` (${name})`}`;
};

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

export const handOf = (identity: Identity): Hand => ({
  id: identity.hand ?? identity.id,
  approves: may(identity, 'administer'),
});
