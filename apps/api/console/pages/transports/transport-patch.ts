// What of a transport's form was touched, as a merge patch: a secret that nobody typed stays where it is.
import { isTouched, readPatch, type SettingField } from '../../kit/settings-form';
import type { Visit } from '../../page/page';
import {
  DKIM,
  MAILBOX,
  MAILBOX_OAUTH,
  MAILBOX_SERVER,
  MAILBOX_USER,
  OAUTH,
  PLAIN,
  RETURN_PATH,
  USER,
} from './transport-fields';

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

/** One of the two logins of a form: how its fields begin, what they are, and the field that says of which kind it is. */
interface LoginForm {
  at: string;
  kind: string;
  user: SettingField;
  oauth: readonly SettingField[];
}

const SMTP_LOGIN: LoginForm = { at: '', kind: 'login', user: USER, oauth: OAUTH };
const MAILBOX_LOGIN: LoginForm = {
  at: `${MAILBOX}.`,
  kind: 'mailboxLogin',
  user: MAILBOX_USER,
  oauth: MAILBOX_OAUTH,
};

const oauthPatch = (visit: Visit, { at, oauth }: LoginForm, isNew: boolean): Document => {
  const texts = textsOf(visit, oauth, isNew);
  const [clientSecret, privateKey, refreshToken] = ['clientSecret', 'privateKey', 'refreshToken'].map((name) =>
    secretOf(visit, `${at}auth.oauth2.${name}`),
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
const loginPatch = (visit: Visit, of: LoginForm): Document | null | undefined => {
  const [login, was] = [visit.form.get(of.kind), visit.form.get(`was:${of.kind}`)];
  if (login === undefined) return undefined;
  if (login === 'none') return was === 'none' ? undefined : null;
  const isNew = login !== was;
  const user = textsOf(visit, [of.user], isNew);
  const pass = secretOf(visit, `${of.at}auth.pass`);
  const own =
    login === 'oauth2'
      ? { ...(isNew && { pass: null }), oauth2: oauthPatch(visit, of, isNew) }
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

/** Without a login there is no mailbox: choosing none takes it away. */
const mailboxPatch = (visit: Visit): Document | null | undefined => {
  const auth = loginPatch(visit, MAILBOX_LOGIN);
  if (auth === null) return null;
  if (visit.form.get(MAILBOX_LOGIN.kind) === 'none') return undefined;
  const isNew = visit.form.get(`was:${MAILBOX_LOGIN.kind}`) === 'none';
  const texts = textsOf(visit, MAILBOX_SERVER, isNew);
  const { port } = texts;
  const fields = {
    ...texts,
    ...(typeof port === 'string' && { port: Number.isFinite(Number(port)) ? Number(port) : port }),
    ...(auth !== undefined && { auth }),
  };
  return Object.keys(fields).length === 0 ? undefined : fields;
};

/** An empty return path takes the mailbox along. */
const returnPathPatch = (visit: Visit): Document | null | undefined => {
  const isTouchedHere = isTouched(visit, RETURN_PATH);
  const address = visit.form.get(RETURN_PATH.path) || null;
  if (isTouchedHere && address === null) return null;
  const mailbox = mailboxPatch(visit);
  const patch = { ...(isTouchedHere && { address }), ...(mailbox !== undefined && { mailbox }) };
  return Object.keys(patch).length === 0 ? undefined : patch;
};

/** A merge patch of what was touched. */
export const transportPatch = (visit: Visit): Document => {
  const [auth, dkim, returnPath] = [loginPatch(visit, SMTP_LOGIN), dkimPatch(visit), returnPathPatch(visit)];
  return {
    ...readPatch(visit, PLAIN),
    ...(returnPath !== undefined && { returnPath }),
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
