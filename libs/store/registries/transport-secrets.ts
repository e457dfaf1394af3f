// Secrets of a transport: sealed where they are given, kept only where they still go where they were meant for, sealed anew.
import {
  askedWith,
  OAUTH_SECRETS,
  type OAuth2Input,
  type OpenOAuth2,
  type StoredOAuth2,
} from '../../mail/settings/oauth';
import { Problem, problemAt } from '../../mail/input/problem';
import type { StoredTransport, TransportInput } from '../../mail/settings/transport';
import { movedParts } from '../../mail/settings/transport-login';
import type { SecretBox } from '../redis/secret-box';

export interface TransportSecrets {
  password?: string;
  /** What a token is asked for with. */
  oauth2?: OpenOAuth2['secrets'];
  /** PEM. */
  dkimKey?: string;
}

/** Where a secret of a transport belongs, for the box. */
type PlaceOf = (secret: string) => string;

const placesOf =
  (tenant: string, name: string): PlaceOf =>
  (secret) =>
    `transport:${tenant}/${name}:${secret}`;

const missing = (name: string, path: string[]): Problem =>
  new Problem('secret-missing', `the transport ${name} has no secret yet that could stay: give ${path.join('.')}`, [
    { path: `/${path.join('/')}`, message: 'nothing is stored yet: give it' },
  ]);

/** What of a transport is put, and what was there. */
interface Change {
  box: SecretBox;
  name: string;
  place: PlaceOf;
  input: TransportInput;
  old: StoredTransport | undefined;
}

/**
 * A secret that is not given again stays, while everything that decides who gets to see or use it stays: whoever may change a
 * transport may not read its secrets, nor may he have them sent to, or used for, a server of his own.
 * @throws Problem `secret-missing`, `secret-needed`
 */
const kept = ({ name, input, old }: Change, sealed: string | undefined, path: string[]): string => {
  if (old === undefined || sealed === undefined) throw missing(name, path);
  const moved = movedParts(old, input);
  if (moved.length === 0) return sealed;
  const message = `must be given again where ${moved.join(' and ')} changes: a stored secret goes nowhere else`;
  throw problemAt('secret-needed', path, message);
};

/** What is put again as it was is no correction: a token that came of it stays, and a refresh token that replaced it. */
const sealOrKnown = ({ box, place }: Change, given: string, known: string | undefined, secret: string): string =>
  known !== undefined && box.holds(known) && box.open(known, place(secret)) === given
    ? known
    : box.seal(given, place(secret));

const sealOAuth2 = (change: Change, user: string, oauth2: OAuth2Input): StoredTransport['auth'] => {
  const { tokenUrl, clientId, scope, grant } = oauth2;
  const before = change.old?.auth;
  const sealed: StoredOAuth2['sealed'] = {};
  for (const secret of OAUTH_SECRETS) {
    const given = oauth2[secret];
    const known = before?.oauth2?.sealed[secret];
    if (typeof given === 'string') sealed[secret] = sealOrKnown(change, given, known, secret);
    else if (given !== undefined) sealed[secret] = kept(change, known, ['auth', 'oauth2', secret]);
  }
  const next = { tokenUrl, clientId, ...(scope !== undefined && { scope }), grant, sealed };
  const isSame =
    before?.oauth2 !== undefined &&
    JSON.stringify([before.user, { ...before.oauth2, askedWith: undefined }]) === JSON.stringify([user, next]);
  return isSame ? before : { user, oauth2: next };
};

/** @throws Problem of `kept` */
export const sealAuth = (change: Change): StoredTransport['auth'] => {
  const { box, place, input, old } = change;
  if (input.auth === undefined) return undefined;
  const { user, pass, oauth2 } = input.auth;
  if (oauth2 !== undefined) return sealOAuth2(change, user, oauth2);
  if (typeof pass === 'string') return { user, sealedPass: box.seal(pass, place('pass')) };
  return { user, sealedPass: kept(change, old?.auth?.sealedPass, ['auth', 'pass']) };
};

/** @throws Problem of `kept`: a server of somebody else's gets nothing signed in the tenant's name */
export const sealDkim = (change: Change): StoredTransport['dkim'] => {
  const { box, place, input, old } = change;
  if (input.dkim === undefined) return undefined;
  const { domain, selector, privateKey } = input.dkim;
  const sealedKey =
    typeof privateKey === 'string'
      ? box.seal(privateKey, place('dkim'))
      : kept(change, old?.dkim?.sealedKey, ['dkim', 'privateKey']);
  return { domain, selector, sealedKey };
};

/** Makes what `sealAuth` and `sealDkim` take. */
export const changeOf = (
  box: SecretBox,
  tenant: string,
  name: string,
  input: TransportInput,
  old: StoredTransport | undefined,
): Change => ({ box, name, place: placesOf(tenant, name), input, old });

/** Its secrets in clear. @throws SecretKeyMissing */
export const openSecrets = (
  box: SecretBox,
  tenant: string,
  name: string,
  { auth, dkim }: StoredTransport,
): TransportSecrets => {
  const place = placesOf(tenant, name);
  const tokens = OAUTH_SECRETS.flatMap((secret) => {
    const text = auth?.oauth2?.sealed[secret];
    return text === undefined ? [] : [[secret, box.open(text, place(secret))]];
  });
  return {
    ...(auth?.sealedPass !== undefined && { password: box.open(auth.sealedPass, place('pass')) }),
    ...(auth?.oauth2 && { oauth2: Object.fromEntries(tokens) as OpenOAuth2['secrets'] }),
    ...(dkim && { dkimKey: box.open(dkim.sealedKey, place('dkim')) }),
  };
};

/** Everything of it that is sealed. */
export const sealedOf = ({ auth, dkim }: StoredTransport): string[] =>
  [auth?.sealedPass, ...Object.values(auth?.oauth2?.sealed ?? {}), dkim?.sealedKey].filter((one) => one !== undefined);

/** Under the newest key, as far as the keys are here; nothing else of it changes, and tokens that were issued stay good. */
export const resealTransport = (
  box: SecretBox,
  tenant: string,
  name: string,
  transport: StoredTransport,
): StoredTransport => {
  const place = placesOf(tenant, name);
  const anew = (sealed: string, secret: string): string =>
    box.holds(sealed) ? box.reseal(sealed, place(secret)) : sealed;
  const oauth2 = ({ user, oauth2: old }: NonNullable<StoredTransport['auth']>): StoredOAuth2 | undefined => {
    if (old === undefined) return undefined;
    const sealed = Object.fromEntries(Object.entries(old.sealed).map(([secret, text]) => [secret, anew(text, secret)]));
    const isSame = JSON.stringify(sealed) === JSON.stringify(old.sealed);
    return isSame ? old : { ...old, sealed, askedWith: askedWith(user, old) };
  };
  const { auth, dkim } = transport;
  const tokens = auth && oauth2(auth);
  return {
    ...transport,
    ...(auth && {
      auth: {
        ...auth,
        ...(auth.sealedPass !== undefined && { sealedPass: anew(auth.sealedPass, 'pass') }),
        ...(tokens && { oauth2: tokens }),
      },
    }),
    ...(dkim && { dkim: { ...dkim, sealedKey: anew(dkim.sealedKey, 'dkim') } }),
  };
};
