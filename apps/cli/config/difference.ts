// What differs between what is wanted and what is: only what is wanted is looked at (RFC 7396), and no secret is shown.
import { isDeepStrictEqual } from 'node:util';
import { AddressInput, formatAddress } from '../../../libs/mail/address/address';
import { FromEnv } from './config-file';

export interface Difference {
  /** `auth.pass`. */
  path: string;
  /** For people: `587 -> 465`. */
  text: string;
}

/** Fields that the API never shows again. */
const SECRETS = ['pass', 'clientSecret', 'privateKey', 'refreshToken', 'secret'];

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof FromEnv);

/** The value that is sent. */
export const plain = (value: unknown): unknown => {
  if (value instanceof FromEnv) return value.value;
  if (Array.isArray(value)) return value.map(plain);
  return isObject(value) ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)])) : value;
};

/** Whether a stored secret stands there. */
const isSet = (value: unknown): boolean => isObject(value) && value['set'] === true;

/** Addresses are answered in one form, however they were given. */
const addressForm = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(addressForm);
  const read = AddressInput.safeParse(value);
  return read.success ? formatAddress(read.data) : value;
};

const isSame = (name: string, wanted: unknown, present: unknown): boolean => {
  if (isDeepStrictEqual(wanted, present)) return true;
  if (name === 'from') return isDeepStrictEqual(addressForm(wanted), present);
  if (name !== 'replyTo') return false;
  return isDeepStrictEqual(addressForm(Array.isArray(wanted) ? wanted : [wanted]), present);
};

const LONGEST = 60;
const shown = (value: unknown): string => {
  if (value === undefined || value === null) return 'none';
  const text = JSON.stringify(value, (_, one: unknown) => (one instanceof FromEnv ? one.shown : one)) ?? '';
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}…`;
};

/** Whether a text of the environment stands in it: then what is there now may be a secret too. */
const holdsEnv = (value: unknown): boolean => {
  if (value instanceof FromEnv) return true;
  if (Array.isArray(value)) return value.some(holdsEnv);
  return isObject(value) && Object.values(value).some(holdsEnv);
};

const textOf = (name: string, wanted: unknown, present: unknown): string => {
  if (SECRETS.includes(name)) return isSet(present) ? 'a secret, given anew' : 'a secret';
  if (holdsEnv(wanted)) return present === undefined ? shown(wanted) : `${shown(wanted)}, which differs`;
  return present === undefined ? shown(wanted) : `${shown(present)} -> ${shown(wanted)}`;
};

/**
 * @param present as the API shows it; undefined: nothing is there
 * @param anew stored secrets count as different: nobody can compare them
 */
export const differences = (wanted: unknown, present: unknown, anew: boolean, path: string[] = []): Difference[] => {
  const name = path.at(-1) ?? '';
  if (isObject(wanted) && !isSet(wanted))
    return Object.entries(wanted).flatMap(([field, value]) =>
      differences(value, isObject(present) ? present[field] : undefined, anew, [...path, field]),
    );
  if (wanted === null && present === undefined) return [];
  if (isSet(present) && (isSet(wanted) || (wanted !== null && !anew))) return [];
  if (isSame(name, plain(wanted), present)) return [];
  return [{ path: path.join('.'), text: textOf(name, wanted, present) }];
};
