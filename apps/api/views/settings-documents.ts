// Settings of tenants, queues and transports as documents: as GET shows them, PUT and PATCH take them, and ETags name them.
import { formatAddress, type Address } from '../../../libs/mail/address/address';
import type { QueueSettings, TenantSettings } from '../../../libs/mail/settings/settings';
import type { OAuthSecret } from '../../../libs/mail/login/oauth';
import type { StoredLogin } from '../../../libs/mail/login/server';
import type { StoredTransport } from '../../../libs/mail/settings/transport';
import type { RegisteredQueue, Tenant } from '../../../libs/store/registries/tenants';
import type { Answer } from '../http/endpoint/endpoint';
import { secretIdOf } from '../../../libs/store/redis/secret-box';
import { sealedOf } from '../../../libs/store/registries/transport-secrets';
import { versionOf } from './etag';

/** Fields of each kind's answer that the service computes. */
export const COMPUTED = {
  tenant: new Set(['createdAt', 'updatedAt']),
  queue: new Set([
    'paused',
    'pause',
    'counts',
    'contentBytes',
    'oldestDueAt',
    'breaker',
    'archiving',
    'createdAt',
    'updatedAt',
  ]),
  template: new Set(['version', 'createdAt', 'by']),
  transport: new Set(['version', 'createdAt', 'updatedAt', 'hostBy']),
};

const withAddresses = <S extends { from?: Address | undefined; replyTo?: Address[] | undefined }>(settings: S) => ({
  ...settings,
  ...(settings.from && { from: formatAddress(settings.from) }),
  ...(settings.replyTo && { replyTo: settings.replyTo.map(formatAddress) }),
});

export const tenantDocument = (settings: TenantSettings) => ({
  ...withAddresses(settings),
  enabled: settings.enabled ?? true,
});

export const tenantView = ({ tenant, settings, createdAt, updatedAt }: Tenant) => ({
  tenant,
  ...tenantDocument(settings),
  createdAt,
  updatedAt,
});

export const tenantVersion = ({ settings }: Tenant): string => versionOf(tenantDocument(settings));

/** Whether the queue is enabled stands in it where somebody said so; BullMQ has the last word (`queueView`). */
export const queueDocument = (settings: QueueSettings) => withAddresses(settings);

export const queueVersion = ({ settings }: RegisteredQueue): string =>
  versionOf({ ...queueDocument(settings), enabled: settings.enabled ?? true });

/** What of a stored transport is its settings: not its times, nor the number that connections are kept under. */
const keptOf = (transport: StoredTransport) =>
  Object.fromEntries(Object.entries(transport).filter(([name]) => !COMPUTED.transport.has(name))) as Omit<
    StoredTransport,
    'version' | 'createdAt' | 'updatedAt' | 'hostBy'
  >;

const SET = { set: true };

const loginDocument = ({ user, oauth2 }: NonNullable<StoredTransport['auth']>): Record<string, unknown> => {
  if (oauth2 === undefined) return { user, pass: SET };
  const { tokenUrl, clientId, scope, grant, sealed } = oauth2;
  const given = { tokenUrl, clientId, ...(scope !== undefined && { scope }), grant };
  return { user, oauth2: { ...given, ...Object.fromEntries(Object.keys(sealed).map((secret) => [secret, SET])) } };
};

const returnPathDocument = ({ address, mailbox }: NonNullable<StoredTransport['returnPath']>) => {
  if (mailbox === undefined) return { address };
  const { host, port, security, auth, tls, folder, processed, moveTo } = mailbox;
  const given = { host, port, security, auth: loginDocument(auth), ...(tls && { tls }), folder, processed };
  return { address, mailbox: { ...given, ...(moveTo !== undefined && { moveTo }) } };
};

/** A transport without its secrets. */
export const transportDocument = (transport: StoredTransport) => {
  const { auth, dkim, returnPath, ...fields } = keptOf(transport);
  return {
    ...fields,
    ...(returnPath && { returnPath: returnPathDocument(returnPath) }),
    ...(auth && { auth: loginDocument(auth) }),
    ...(dkim && { dkim: { domain: dkim.domain, selector: dkim.selector, privateKey: { set: true } } }),
  };
};

export const transportView = (name: string, transport: StoredTransport) => ({
  ...transportDocument(transport),
  transport: name,
  // Nobody kept it at first: what was there then is the operator's.
  hostBy: transport.hostBy ?? 'operator',
  version: transport.version,
  createdAt: transport.createdAt,
  updatedAt: transport.updatedAt,
});

/** By its settings and by which secrets it has: one that was given anew is another version, one under another key is not. */
export const transportVersion = (transport: StoredTransport): string =>
  versionOf({ ...transportDocument(transport), secrets: sealedOf(transport).map(secretIdOf) });

/** Of a login: where a secret was given anew. */
const changedSecrets = (now: StoredLogin, old: StoredLogin | undefined): Record<string, unknown> => {
  const isNew = (sealed: string | undefined, before: string | undefined): boolean =>
    sealed !== undefined && before !== undefined && sealed !== before;
  const changed = { set: true, changed: true };
  const tokens = Object.entries(now.oauth2?.sealed ?? {}).filter(([name, sealed]) =>
    isNew(sealed, old?.oauth2?.sealed[name as OAuthSecret]),
  );
  return {
    ...(isNew(now.sealedPass, old?.sealedPass) && { pass: changed }),
    ...(tokens.length > 0 && {
      oauth2: {
        ...(loginDocument(now)['oauth2'] as object),
        ...Object.fromEntries(tokens.map(([name]) => [name, changed])),
      },
    }),
  };
};

/** The document for the audit: a secret says whether it was given anew, never what it is. */
export const auditedTransport = (transport: StoredTransport, before: StoredTransport | undefined) => {
  const document = transportDocument(transport);
  const { auth, dkim, returnPath } = transport;
  const mailbox = document.returnPath?.mailbox;
  const isNewKey = before?.dkim !== undefined && dkim?.sealedKey !== before.dkim.sealedKey;
  return {
    ...document,
    ...(auth && { auth: { ...document.auth, ...changedSecrets(auth, before?.auth) } }),
    ...(document.dkim && isNewKey && { dkim: { ...document.dkim, privateKey: { set: true, changed: true } } }),
    ...(returnPath?.mailbox &&
      mailbox && {
        returnPath: {
          ...document.returnPath,
          mailbox: {
            ...mailbox,
            auth: { ...mailbox.auth, ...changedSecrets(returnPath.mailbox.auth, before?.returnPath?.mailbox?.auth) },
          },
        },
      }),
  };
};

/** An answer with a document and its ETag. */
export const documentAnswer = (status: number, version: string, body: object): Answer => ({
  status,
  headers: { ETag: `"${version}"` },
  body,
});
