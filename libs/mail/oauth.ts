// How a transport logs in by OAuth 2.0 (RFC 6749) instead of a password: what an administrator gives.
import { createPrivateKey } from 'node:crypto';
import { z } from 'zod';
import { SecretInput } from './secret-input';

export const GRANTS = ['client_credentials', 'refresh_token', 'jwt_bearer'] as const;
export type Grant = (typeof GRANTS)[number];

/** A private key in PEM, without a passphrase; a certificate may stand beside it. */
const isPrivateKey = (pem: string): boolean => {
  try {
    const { asymmetricKeyType: type } = createPrivateKey(pem);
    return type === 'rsa' || type === 'ec';
  } catch {
    return false;
  }
};

const PrivateKey = SecretInput.refine(
  (given) => typeof given !== 'string' || isPrivateKey(given),
  'must be an RSA or EC private key in PEM without a passphrase; a certificate may follow it',
);

/** Printable ASCII: the characters of RFC 6749 appendix A. */
const Visible = (most: number) =>
  z
    .string()
    .regex(/^[ -~]+$/, 'must be printable ASCII characters')
    .max(most);

export const OAuth2 = z
  .strictObject({
    tokenUrl: z
      .url({ protocol: /^https?$/, error: 'must be an address like https://login.example.org/oauth2/token' })
      .max(2_000),
    clientId: Visible(500),
    clientSecret: SecretInput.optional(),
    privateKey: PrivateKey.optional(),
    scope: Visible(1_000).optional(),
    grant: z.enum(GRANTS),
    refreshToken: SecretInput.optional(),
  })
  .superRefine((given, context) => {
    const say = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    const { grant, clientSecret, privateKey, refreshToken } = given;
    if (grant === 'refresh_token' && refreshToken === undefined)
      say('refreshToken', 'must be given with the grant refresh_token: the provider issues it when a person consents');
    if (grant !== 'refresh_token' && refreshToken !== undefined)
      say('refreshToken', `is of no use with the grant ${grant}: leave it out`);
    if (grant === 'client_credentials' && clientSecret === undefined && privateKey === undefined)
      say('clientSecret', 'must be given with the grant client_credentials, or privateKey instead');
    if (grant === 'jwt_bearer' && privateKey === undefined)
      say('privateKey', 'must be given with the grant jwt_bearer: it signs the assertion');
    if (clientSecret !== undefined && privateKey !== undefined)
      say('clientSecret', 'must not be given together with privateKey: the client proves itself in one way');
  });
export type OAuth2Input = z.infer<typeof OAuth2>;

/** The secrets of it, by the name of their field. */
export const OAUTH_SECRETS = ['clientSecret', 'privateKey', 'refreshToken'] as const;
export type OAuthSecret = (typeof OAUTH_SECRETS)[number];

/** As it is kept: secrets sealed. */
export interface StoredOAuth2 {
  tokenUrl: string;
  clientId: string;
  scope?: string;
  grant: Grant;
  sealed: Partial<Record<OAuthSecret, string>>;
}

/** In clear, for whoever asks for a token. */
export interface OpenOAuth2 extends Omit<StoredOAuth2, 'sealed'> {
  /** The mailbox that is logged in to. */
  user: string;
  secrets: Partial<Record<OAuthSecret, string>>;
}
