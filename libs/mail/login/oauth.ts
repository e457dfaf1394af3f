// How a transport logs in by OAuth 2.0 (RFC 6749) instead of a password: what an administrator gives.
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { SecretInput } from '../input/secret-input';

export const GRANTS = ['client_credentials', 'refresh_token', 'jwt_bearer'] as const;
export type Grant = (typeof GRANTS)[number];

const LEAST_RSA_BITS = 2_048;

/** RS256 and ES256 (RFC 7518 3.3, 3.4), which is what token endpoints take: a key of another kind could not sign. */
const isPrivateKey = (pem: string): boolean => {
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = createPrivateKey(pem);
    if (type === 'rsa') return (details?.modulusLength ?? 0) >= LEAST_RSA_BITS;
    return type === 'ec' && details?.namedCurve === 'prime256v1';
  } catch {
    return false;
  }
};

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/;

/** @returns the certificate that stands beside a key. @throws where there is one that cannot be read */
export const certificateIn = (pem: string): X509Certificate | undefined => {
  const [certificate] = CERTIFICATE.exec(pem) ?? [];
  return certificate === undefined ? undefined : new X509Certificate(certificate);
};

/** A certificate of another key would be refused by the provider, in words that do not say so. */
const mayStandBeside = (pem: string): boolean => {
  try {
    return certificateIn(pem)?.checkPrivateKey(createPrivateKey(pem)) ?? true;
  } catch {
    return false;
  }
};

const PrivateKey = SecretInput.refine(
  (given) => typeof given !== 'string' || isPrivateKey(given),
  'must be an RSA key of 2048 bits or more, or an EC key (P-256), in PEM without a passphrase; a certificate may follow it',
).refine(
  (given) => typeof given !== 'string' || !isPrivateKey(given) || mayStandBeside(given),
  'must be followed by the certificate of this key, or by none',
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
  /** What `askedWith` was before the secrets were sealed with another key: tokens that were issued stay good. */
  askedWith?: string;
}

/**
 * Stands for everything that a token is asked with. The secrets are in it as they are sealed: from their clear text a weak one
 * could be guessed by whoever reads Redis.
 */
export const askedWith = (user: string, oauth2: StoredOAuth2): string =>
  oauth2.askedWith ??
  createHash('sha256')
    .update(JSON.stringify([user, oauth2]))
    .digest('base64url');

/** In clear, for whoever asks for a token. */
export interface OpenOAuth2 extends Omit<StoredOAuth2, 'sealed' | 'askedWith'> {
  /** The mailbox that is logged in to. */
  user: string;
  secrets: Partial<Record<OAuthSecret, string>>;
}
