// The settings of a transport but for its secrets, as its form has them.
import type { SettingField } from '../../kit/settings-form';

export const SERVER: readonly SettingField[] = [
  { path: 'host', label: 'transport.host', placeholder: 'smtp.acme.example' },
  { path: 'port', label: 'transport.port', hint: 'transport.portHint', kind: 'number' },
  {
    path: 'security',
    label: 'transport.security',
    hint: 'transport.securityHint',
    choices: ['starttls', 'tls', 'none'],
    always: true,
  },
];

export const USER: SettingField = { path: 'auth.user', label: 'transport.user' };

export const OAUTH: readonly SettingField[] = [
  {
    path: 'auth.oauth2.grant',
    label: 'transport.grant',
    choices: ['client_credentials', 'refresh_token', 'jwt_bearer'],
    always: true,
  },
  {
    path: 'auth.oauth2.tokenUrl',
    label: 'transport.tokenUrl',
    placeholder: 'https://login.example.org/oauth2/token',
  },
  { path: 'auth.oauth2.clientId', label: 'transport.clientId' },
  { path: 'auth.oauth2.scope', label: 'transport.scope' },
];

export const TLS: readonly SettingField[] = [
  { path: 'tls.servername', label: 'transport.servername', hint: 'transport.servernameHint' },
  { path: 'tls.minVersion', label: 'transport.minVersion', choices: ['TLSv1.2', 'TLSv1.3'], inherited: 'TLSv1.2' },
  { path: 'tls.requireTls', label: 'transport.requireTls', kind: 'yes-no' },
  { path: 'tls.ca', label: 'transport.ca', hint: 'transport.caHint', kind: 'block' },
];

export const LIMITS: readonly SettingField[] = [
  { path: 'limits.connections', label: 'transport.connections', kind: 'number' },
  { path: 'limits.perSecond', label: 'transport.perSecond', kind: 'number' },
  { path: 'limits.perMinute', label: 'transport.perMinute', kind: 'number' },
  { path: 'limits.perHour', label: 'transport.perHour', kind: 'number' },
  { path: 'limits.perDay', label: 'transport.perDay', kind: 'number' },
];

export const DKIM: readonly SettingField[] = [
  { path: 'dkim.domain', label: 'transport.dkimDomain', placeholder: 'acme.example' },
  { path: 'dkim.selector', label: 'transport.dkimSelector', placeholder: 'mail2026' },
];

export const MORE: readonly SettingField[] = [
  { path: 'name', label: 'transport.name', hint: 'transport.nameHint' },
  { path: 'fallback', label: 'transport.fallback', hint: 'transport.fallbackHint' },
  { path: 'allowedFrom', label: 'transport.allowedFrom', hint: 'transport.allowedFromHint', kind: 'lines' },
];

export const RETURN_PATH: SettingField = {
  path: 'returnPath.address',
  label: 'transport.returnPath',
  hint: 'transport.returnPathHint',
  placeholder: 'bounce+{tag}@acme.example',
};

/** Of the mailbox that reports come to; its login is beside it, with the names of OAUTH below `MAILBOX`. */
export const MAILBOX = 'returnPath.mailbox';
export const MAILBOX_SERVER: readonly SettingField[] = [
  { path: `${MAILBOX}.host`, label: 'mailbox.host', placeholder: 'outlook.office365.com' },
  { path: `${MAILBOX}.port`, label: 'mailbox.port', hint: 'mailbox.portHint', kind: 'number' },
  { path: `${MAILBOX}.security`, label: 'mailbox.security', choices: ['tls', 'starttls', 'none'], always: true },
  { path: `${MAILBOX}.folder`, label: 'mailbox.folder', inherited: 'INBOX' },
  {
    path: `${MAILBOX}.processed`,
    label: 'mailbox.processed',
    hint: 'mailbox.processedHint',
    choices: ['seen', 'delete', 'move'],
    always: true,
  },
  { path: `${MAILBOX}.moveTo`, label: 'mailbox.moveTo' },
];
export const MAILBOX_USER: SettingField = { path: `${MAILBOX}.auth.user`, label: 'mailbox.user' };
export const MAILBOX_OAUTH: readonly SettingField[] = OAUTH.map((field) => ({
  ...field,
  path: `${MAILBOX}.${field.path}`,
}));

/** Those that a patch names as they are; the login and the signing key have rules of their own. */
export const PLAIN: readonly SettingField[] = [...SERVER, ...TLS, ...LIMITS, ...MORE];

export const TRANSPORT_FIELDS: readonly SettingField[] = [
  ...PLAIN,
  USER,
  ...OAUTH,
  ...DKIM,
  RETURN_PATH,
  ...MAILBOX_SERVER,
  MAILBOX_USER,
  ...MAILBOX_OAUTH,
];
