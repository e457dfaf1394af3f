// The variables of the OpenID provider: defaults, and what is refused before a start.
import { ConfigError, readEnv } from '../../../libs/runtime/env';
import { ApiEnv, toApiConfig } from '../config';
import { requireOidc } from './oidc-config';

const ENV = {
  REDIS_URL: 'redis://127.0.0.1',
  ROHRPOST_OPERATOR_KEY: 'x'.repeat(32),
  ROHRPOST_SECRET_KEYS: `k1:${Buffer.alloc(32).toString('base64')}`,
};
const WHOLE = {
  ...ENV,
  ROHRPOST_OIDC_ISSUER: 'https://login.example.org/realms/acme',
  ROHRPOST_OIDC_CLIENT_ID: 'rohrpost',
  ROHRPOST_OIDC_GROUPS: 'mail=operator',
  ROHRPOST_PUBLIC_URL: 'https://mail.example.org',
};
const read = (env: Record<string, string>) => toApiConfig(readEnv(ApiEnv.superRefine(requireOidc), env)).oidc;
const complaint = (env: Record<string, string>): string => {
  try {
    read(env);
    return '';
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
};

test('without an issuer nobody signs in so; with one its defaults hold', () => {
  expect(read(ENV)).toBeUndefined();
  expect(read(WHOLE)).toEqual({
    issuer: 'https://login.example.org/realms/acme',
    clientId: 'rohrpost',
    scope: 'openid profile email',
    groupsClaim: 'groups',
    rules: [{ group: 'mail', role: 'operator' }],
    sessionMs: 28_800_000,
    publicUrl: 'https://mail.example.org',
  });
});

test('what is missing or wrong is named before anything starts', () => {
  const only = complaint({ ...ENV, ROHRPOST_OIDC_ISSUER: 'https://login.example.org' });
  for (const name of ['ROHRPOST_OIDC_CLIENT_ID', 'ROHRPOST_OIDC_GROUPS', 'ROHRPOST_PUBLIC_URL'])
    expect(only).toContain(name);
  expect(complaint({ ...WHOLE, ROHRPOST_OIDC_ISSUER: '' })).toContain('ROHRPOST_OIDC_ISSUER');
  expect(complaint({ ...WHOLE, ROHRPOST_OIDC_ISSUER: 'http://login.example.org' })).toContain('must be https');
  expect(complaint({ ...WHOLE, ROHRPOST_OIDC_ISSUER: 'http://localhost:8080' })).toBe('');
  expect(complaint({ ...WHOLE, ROHRPOST_OIDC_SESSION: '2d' })).toContain('from 5m to 24h');
  expect(complaint({ ...WHOLE, ROHRPOST_OIDC_SCOPE: 'profile' })).toContain('openid');
  expect(complaint({ ...WHOLE, ROHRPOST_OIDC_GROUPS: 'mail=admin' })).toContain('mail=admin');
});
