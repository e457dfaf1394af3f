// What of a transport's form was touched, as a merge patch: a secret that nobody typed stays where it is.
import { isTouched, readPatch, type SettingField } from '../../kit/settings-form';
import type { Visit } from '../../page/page';
import { DKIM, OAUTH, PLAIN, USER } from './transport-fields';

type Document = Record<string, unknown>;

const lastName = ({ path }: SettingField): string => path.split('.').at(-1) ?? path;

/** Spaces belong to a password; a key that is pasted ends in a line break. */
const secretOf = ({ form }: Visit, name: string): string | undefined => form.raw(name) || undefined;

/** @param all also what was not touched: it is for a place where there is nothing yet */
const textsOf = (visit: Visit, fields: readonly SettingField[], all: boolean): Document =>
  Object.fromEntries(
    fields
      .filter((field) => all || isTouched(visit, field))
      .map((field) => [lastName(field), visit.form.get(field.path) || null]),
  );

const oauthPatch = (visit: Visit, isNew: boolean): Document => {
  const texts = textsOf(visit, OAUTH, isNew);
  const [clientSecret, privateKey, refreshToken] = ['clientSecret', 'privateKey', 'refreshToken'].map((name) =>
    secretOf(visit, `auth.oauth2.${name}`),
  );
  return {
    ...texts,
    // The client proves itself in one way.
    ...(clientSecret !== undefined && { clientSecret, privateKey: null }),
    ...(privateKey !== undefined && { privateKey, clientSecret: null }),
    ...(texts['grant'] !== undefined && texts['grant'] !== 'refresh_token' && { refreshToken: null }),
    ...(refreshToken !== undefined && { refreshToken }),
  };
};

/** @returns undefined where nothing of the login was touched */
const loginPatch = (visit: Visit): Document | null | undefined => {
  const [login, was] = [visit.form.get('login'), visit.form.get('was:login')];
  if (login === undefined) return undefined;
  if (login === 'none') return was === 'none' ? undefined : null;
  const isNew = login !== was;
  const user = textsOf(visit, [USER], isNew);
  const pass = secretOf(visit, 'auth.pass');
  const own =
    login === 'oauth2'
      ? { ...(isNew && { pass: null }), oauth2: oauthPatch(visit, isNew) }
      : { ...(isNew && { oauth2: null }), ...(pass !== undefined && { pass }) };
  const { oauth2, ...rest } = own as { oauth2?: Document | null };
  const keepsOAuth = oauth2 !== undefined && (oauth2 === null || Object.keys(oauth2).length > 0);
  const patch = { ...user, ...rest, ...(keepsOAuth && { oauth2 }) };
  return Object.keys(patch).length === 0 ? undefined : patch;
};

const dkimPatch = (visit: Visit): Document | null | undefined => {
  const { form } = visit;
  const privateKey = secretOf(visit, 'dkim.privateKey');
  const texts = textsOf(visit, DKIM, false);
  if (Object.keys(texts).length === 0) return privateKey === undefined ? undefined : { privateKey };
  if (privateKey === undefined && DKIM.every(({ path }) => !form.get(path))) return null;
  return { ...texts, ...(privateKey !== undefined && { privateKey }) };
};

/** A merge patch of what was touched. */
export const transportPatch = (visit: Visit): Document => {
  const [auth, dkim] = [loginPatch(visit), dkimPatch(visit)];
  return {
    ...readPatch(visit, PLAIN),
    ...(auth !== undefined && { auth }),
    ...(dkim !== undefined && { dkim }),
  };
};

const isObject = (value: unknown): value is Document =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The same as a whole document: what a patch would take away is not there. */
export const withoutNulls = (patch: Document): Document =>
  Object.fromEntries(
    Object.entries(patch)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => [name, isObject(value) ? withoutNulls(value) : value]),
  );
