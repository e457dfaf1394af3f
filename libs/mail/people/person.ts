// People who sign in at the organisation's identity provider (OpenID Connect): what their groups let them do, and how they sign.
import { z } from 'zod';
import { SLUG } from '../address/queue-address';
import type { Identity } from '../settings/api-key';

/** Where somebody may act, as what: everywhere, or in one tenant. */
export interface Place {
  role: 'operator' | 'admin' | 'reader';
  /** Not given for an operator. */
  tenant?: string;
}

/** Whoever is in the group may act there. */
export interface GroupRule extends Place {
  group: string;
}

/** Somebody, as the provider vouches for them. */
export interface Person {
  /** `person:` and 24 digits: stays while names and addresses change. */
  id: string;
  name: string;
  /** What they log in with, or an address: tells two of one name apart. */
  login: string;
}

const ENTRY = /^(?<group>.+)=(?:(?<operator>operator)|(?<role>admin|reader):(?<tenant>[^:=]+))$/;

const parseRule = (text: string): GroupRule | undefined => {
  const { group = '', operator, role, tenant } = ENTRY.exec(text)?.groups ?? {};
  const name = group.trim();
  if (name === '') return undefined;
  if (operator !== undefined) return { group: name, role: 'operator' };
  if (tenant === undefined || !SLUG.test(tenant)) return undefined;
  return { group: name, role: role === 'admin' ? 'admin' : 'reader', tenant };
};

/**
 * `mail-team=operator; acme-mail=admin:acme; acme-mail=reader:beta`: by semicolons or lines, since names of groups have commas and
 * equal signs (`cn=mail,ou=groups`); the last equal sign parts group and role.
 */
export const GroupRulesText = z.string().transform((text, context): GroupRule[] => {
  const entries = text
    .split(/[;\n]/)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  const rules = entries.map(parseRule);
  const wrong = entries.find((_entry, index) => rules[index] === undefined);
  if (wrong === undefined && rules.length > 0) return rules.filter((rule) => rule !== undefined);
  const found = wrong === undefined ? '' : `; this is not: ${wrong.slice(0, 100)}`;
  const message = `must be entries like mail-team=operator; acme-mail=admin:acme; acme-help=reader:acme${found}`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

/**
 * Where the groups let somebody act. An operator's reach holds every other; of two roles in one tenant the larger one counts.
 * @returns by tenant; none where no rule names any of the groups
 */
export const placesOf = (groups: readonly string[], rules: readonly GroupRule[]): Place[] => {
  const given = rules.filter(({ group }) => groups.includes(group));
  if (given.some(({ role }) => role === 'operator')) return [{ role: 'operator' }];
  const tenants = [...new Set(given.map(({ tenant = '' }) => tenant))].sort((a, b) => a.localeCompare(b));
  return tenants.map((tenant) => {
    const isAdmin = given.some((rule) => rule.tenant === tenant && rule.role === 'admin');
    return { role: isAdmin ? 'admin' : 'reader', tenant };
  });
};

const LONGEST_NAME = 60;
const LONGEST_LOGIN = 100;

/** A name that somebody gives: letters, digits and what names have between them, so that it cannot be taken for a signature. */
export const personName = (text: string): string =>
  text
    .replace(/[^\p{L}\p{M}\p{N} .,'’_-]/gu, '')
    .trim()
    .slice(0, LONGEST_NAME);

/** The same of what somebody logs in with. */
export const personLogin = (text: string): string =>
  text.replace(/[^\p{L}\p{M}\p{N}.@_+|:/\\-]/gu, '').slice(0, LONGEST_LOGIN);

/** @param digest of issuer and subject, 24 or more hexadecimal digits */
export const personIdOf = (digest: string): string => `person:${digest.slice(0, 24)}`;

/** An operator's approval is theirs alone; keys that they issue for tenants are for others, as with an operator's key. */
export const identityOfPerson = ({ id, name, login }: Person, { role, tenant }: Place): Identity => ({
  id,
  name,
  login,
  role,
  ...(tenant !== undefined && { tenant, hand: id }),
});
