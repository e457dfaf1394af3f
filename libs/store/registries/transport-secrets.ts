// Secrets of a transport: sealed where they are given, kept only where they still go where they were meant for, sealed anew.
import { askedWith, OAUTH_SECRETS, type OAuth2Input, type OpenOAuth2, type StoredOAuth2 } from '../../mail/login/oauth';
import { Problem, problemAt } from '../../mail/input/problem';
import type { StoredLogin } from '../../mail/login/server';
import { defaultMailboxPort, type BounceMailbox, type StoredMailbox } from '../../mail/settings/bounce-mailbox';
import type { StoredTransport, TransportChange } from '../../mail/settings/transport';
import { movedParts, type ServerInput, type StoredServer } from '../../mail/settings/transport-login';
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

/** What the mailbox of a transport is called where secrets and tokens are kept: no transport can have that name. */
export const mailboxName = (transport: string): string => `${transport}:mailbox`;

const missing = (name: string, path: string[]): Problem =>
  new Problem('secret-missing', `the transport ${name} has no secret yet that could stay: give ${path.join('.')}`, [
    { path: `/${path.join('/')}`, message: 'nothing is stored yet: give it' },
  ]);

/** What of a transport, or of its mailbox, is put, and what was there. */
interface Change<Input extends ServerInput = ServerInput, Old extends StoredServer = StoredServer> {
  box: SecretBox;
  name: string;
  place: PlaceOf;
  input: Input;
  old: Old | undefined;
  /** Where it stands in the transport's document. */
  at: string[];
}

type TransportSecretsChange = Change<TransportChange, StoredTransport>;

/**
 * A secret that is not given again stays, while everything that decides who gets to see or use it stays: whoever may change a
 * transport may not read its secrets, nor may he have them sent to, or used for, a server of his own.
 * @throws Problem `secret-missing`, `secret-needed`
 */
const kept = ({ name, input, old, at }: Change, sealed: string | undefined, within: string[]): string => {
  const path = [...at, ...within];
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

const sealOAuth2 = (change: Change, user: string, oauth2: OAuth2Input): StoredLogin => {
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
const sealLogin = (change: Change, { user, pass, oauth2 }: NonNullable<ServerInput['auth']>): StoredLogin => {
  const { box, place, old } = change;
  if (oauth2 !== undefined) return sealOAuth2(change, user, oauth2);
  if (typeof pass === 'string') return { user, sealedPass: box.seal(pass, place('pass')) };
  return { user, sealedPass: kept(change, old?.auth?.sealedPass, ['auth', 'pass']) };
};

/** @throws Problem of `kept` */
export const sealAuth = (change: TransportSecretsChange): StoredTransport['auth'] =>
  change.input.auth && sealLogin(change, change.input.auth);

/** @throws Problem of `kept`: a server of somebody else's gets nothing signed in the tenant's name */
export const sealDkim = (change: TransportSecretsChange): StoredTransport['dkim'] => {
  const { box, place, input, old } = change;
  if (input.dkim === undefined) return undefined;
  const { domain, selector, privateKey } = input.dkim;
  const sealedKey =
    typeof privateKey === 'string'
      ? box.seal(privateKey, place('dkim'))
      : kept(change, old?.dkim?.sealedKey, ['dkim', 'privateKey']);
  return { domain, selector, sealedKey };
};

const storedMailbox = (
  { box, name, old, at }: TransportSecretsChange,
  tenant: string,
  input: BounceMailbox,
  hostBy: TransportChange['mailboxHostBy'],
): StoredMailbox => {
  const { host, security, tls, folder, processed, moveTo } = input;
  const port = input.port ?? defaultMailboxPort(security);
  const place = placesOf(tenant, mailboxName(name));
  const change = { box, name, place, input: { ...input, port }, old: old?.returnPath?.mailbox };
  return {
    host,
    port,
    ...(hostBy && { hostBy }),
    security,
    auth: sealLogin({ ...change, at: [...at, 'returnPath', 'mailbox'] }, input.auth),
    ...(tls && { tls: tls as NonNullable<StoredMailbox['tls']> }),
    folder,
    processed,
    ...(moveTo !== undefined && { moveTo }),
  };
};

/** @throws Problem of `kept` */
export const sealReturnPath = (change: TransportSecretsChange, tenant: string): StoredTransport['returnPath'] => {
  const { returnPath, mailboxHostBy } = change.input;
  if (returnPath === undefined) return undefined;
  const { address, mailbox } = returnPath;
  return { address, ...(mailbox && { mailbox: storedMailbox(change, tenant, mailbox, mailboxHostBy) }) };
};

/** Makes what `sealAuth`, `sealDkim` and `sealReturnPath` take. */
export const changeOf = (
  box: SecretBox,
  tenant: string,
  name: string,
  input: TransportChange,
  old: StoredTransport | undefined,
): TransportSecretsChange => ({ box, name, place: placesOf(tenant, name), input, old, at: [] });

const openLogin = (box: SecretBox, place: PlaceOf, auth: StoredLogin | undefined): TransportSecrets => {
  const tokens = OAUTH_SECRETS.flatMap((secret) => {
    const text = auth?.oauth2?.sealed[secret];
    return text === undefined ? [] : [[secret, box.open(text, place(secret))]];
  });
  return {
    ...(auth?.sealedPass !== undefined && { password: box.open(auth.sealedPass, place('pass')) }),
    ...(auth?.oauth2 && { oauth2: Object.fromEntries(tokens) as OpenOAuth2['secrets'] }),
  };
};

/** Its secrets in clear. @throws SecretKeyMissing */
export const openSecrets = (
  box: SecretBox,
  tenant: string,
  name: string,
  { auth, dkim }: StoredTransport,
): TransportSecrets => {
  const place = placesOf(tenant, name);
  return { ...openLogin(box, place, auth), ...(dkim && { dkimKey: box.open(dkim.sealedKey, place('dkim')) }) };
};

/** The secrets of the mailbox that its reports come to, in clear. @throws SecretKeyMissing */
export const openMailboxSecrets = (
  box: SecretBox,
  tenant: string,
  name: string,
  { auth }: StoredMailbox,
): TransportSecrets => openLogin(box, placesOf(tenant, mailboxName(name)), auth);

const sealedOfLogin = (auth: StoredLogin | undefined): (string | undefined)[] => [
  auth?.sealedPass,
  ...Object.values(auth?.oauth2?.sealed ?? {}),
];

/** Everything of it that is sealed. */
export const sealedOf = ({ auth, dkim, returnPath }: StoredTransport): string[] =>
  [...sealedOfLogin(auth), dkim?.sealedKey, ...sealedOfLogin(returnPath?.mailbox?.auth)].filter(
    (one) => one !== undefined,
  );

/** Under the newest key, as far as the keys are here. */
const resealText = (box: SecretBox, place: PlaceOf, sealed: string, secret: string): string =>
  box.holds(sealed) ? box.reseal(sealed, place(secret)) : sealed;

const resealOAuth2 = (box: SecretBox, place: PlaceOf, user: string, old: StoredOAuth2): StoredOAuth2 => {
  const anew = Object.entries(old.sealed).map(([secret, text]) => [secret, resealText(box, place, text, secret)]);
  const sealed = Object.fromEntries(anew) as StoredOAuth2['sealed'];
  const isSame = JSON.stringify(sealed) === JSON.stringify(old.sealed);
  return isSame ? old : { ...old, sealed, askedWith: askedWith(user, old) };
};

const resealLogin = (box: SecretBox, place: PlaceOf, auth: StoredLogin): StoredLogin => ({
  ...auth,
  ...(auth.sealedPass !== undefined && { sealedPass: resealText(box, place, auth.sealedPass, 'pass') }),
  ...(auth.oauth2 && { oauth2: resealOAuth2(box, place, auth.user, auth.oauth2) }),
});

/** Under the newest key, as far as the keys are here; nothing else of it changes, and tokens that were issued stay good. */
export const resealTransport = (
  box: SecretBox,
  tenant: string,
  name: string,
  transport: StoredTransport,
): StoredTransport => {
  const place = placesOf(tenant, name);
  const { auth, dkim, returnPath } = transport;
  const mailbox = returnPath?.mailbox;
  return {
    ...transport,
    ...(auth && { auth: resealLogin(box, place, auth) }),
    ...(dkim && { dkim: { ...dkim, sealedKey: resealText(box, place, dkim.sealedKey, 'dkim') } }),
    ...(returnPath &&
      mailbox && {
        returnPath: {
          ...returnPath,
          mailbox: { ...mailbox, auth: resealLogin(box, placesOf(tenant, mailboxName(name)), mailbox.auth) },
        },
      }),
  };
};
