// Somebody as the provider tells of them, and where their groups let them act.
import { createHash } from 'node:crypto';
import {
  identityOfPerson,
  personIdOf,
  personLogin,
  personName,
  placesOf,
  type Person,
  type Place,
} from '../../../libs/mail/people/person';
import type { Identity } from '../../../libs/mail/settings/api-key';
import type { PersonSession } from '../../../libs/store/registries/sessions';
import type { Vouched } from './provider';
import type { OidcConfig } from './oidc-config';

type SignedIn = PersonSession['signedIn'];

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

/** @returns the groups; undefined where the provider tells none at all: it may have to be told to */
export const groupsIn = (claims: Record<string, unknown>, claim: string): string[] | undefined => {
  const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : undefined;
};

/**
 * Only issuer and subject are theirs for good (OpenID Connect Core 5.7); of what they log in with, an address counts that the
 * provider has verified.
 */
export const personOf = ({ issuer, subject, claims }: Vouched): Person => {
  const email = claims['email_verified'] === true ? textOf(claims['email']) : undefined;
  const id = personIdOf(createHash('sha256').update(`${issuer}\n${subject}`).digest('hex'));
  const login = personLogin(textOf(claims['preferred_username']) ?? email ?? subject) || id;
  return { id, login, name: personName(textOf(claims['name']) ?? '') || login };
};

export interface People {
  /** What somebody may choose from. */
  placesOf(signedIn: SignedIn): Place[];
  /** Who acts; undefined where the present configuration lets them act there no more. */
  identityOf(signedIn: SignedIn): Identity | undefined;
}

/** @param config undefined where nobody signs in so: sessions of before are none */
export const createPeople = (config: Pick<OidcConfig, 'issuer' | 'rules'> | undefined): People => {
  const places = ({ issuer, groups }: SignedIn): Place[] =>
    config?.issuer === issuer ? placesOf(groups, config.rules) : [];
  return {
    placesOf: places,
    identityOf(signedIn) {
      const place = places(signedIn).find(({ tenant }) => tenant === signedIn.tenant);
      return place && identityOfPerson(signedIn, place);
    },
  };
};
