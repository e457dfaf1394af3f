// Places where somebody may act whom a provider vouched for: which are there now, and how the audit tells that they act in one.
import type { Audit } from '../../../../libs/events/audit';
import { changesBetween } from '../../../../libs/events/field-diff';
import { identityOfPerson, type GroupRule, type Person, type Place } from '../../../../libs/mail/people/person';
import { signatureOf } from '../../../../libs/mail/settings/api-key';
import type { Tenants } from '../../../../libs/store/registries/tenants';

/** A place whose tenant is there, and since when. */
export interface OpenPlace extends Place {
  /** ISO 8601; not given for an operator. */
  tenantSince?: string;
}

export const openPlaces = async (tenants: Tenants, places: readonly Place[]): Promise<OpenPlace[]> => {
  const there = new Map((await tenants.list()).map(({ tenant, createdAt }) => [tenant, createdAt]));
  return places.flatMap((place): OpenPlace[] => {
    if (place.tenant === undefined) return [place];
    const tenantSince = there.get(place.tenant);
    return tenantSince === undefined ? [] : [{ ...place, tenantSince }];
  });
};

/** Tells the tenant where they act, of the groups that let them: what they may elsewhere is nothing that it has to know. */
export const recordStart = async (
  audit: Pick<Audit, 'record'>,
  rules: readonly GroupRule[],
  { person, place }: { person: Person & { subject?: string; groups: readonly string[] }; place: Place },
): Promise<void> => {
  const { tenant } = place;
  const { subject, groups } = person;
  const names = rules.filter((rule) => rule.tenant === tenant).map(({ group }) => group);
  await audit.record({
    by: signatureOf(identityOfPerson(person, place)),
    what: 'session started',
    ...(tenant !== undefined && { tenant }),
    target: person.id,
    fields: changesBetween({}, { subject, groups: groups.filter((group) => names.includes(group)) }),
  });
};
