// A server that a tenant names, by whichever protocol: where it is, how it is encrypted, and how one logs in to it.
import { z } from 'zod';
import { SecretInput } from '../input/secret-input';
import { OAuth2, type StoredOAuth2 } from './oauth';

// A host name or an IP address, nothing that could be read as more than that.
export const Host = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[a-z0-9:]([a-z0-9.:_-]*[a-z0-9])?$/i, 'must be a host name or an IP address');

/** By a password, or by an access token that is asked for anew before it ends. */
export const Login = z
  .strictObject({ user: z.string().min(1).max(320), pass: SecretInput.optional(), oauth2: OAuth2.optional() })
  .superRefine(({ pass, oauth2 }, context) => {
    if ((pass === undefined) === (oauth2 === undefined))
      context.addIssue({
        code: 'custom',
        path: ['pass'],
        message: 'must be given beside user, or oauth2 instead: a login has one of them',
      });
  });

/** A login as it is kept: a sealed password, or what a token is asked for with. */
export interface StoredLogin {
  user: string;
  sealedPass?: string;
  oauth2?: StoredOAuth2;
}

/** What the server's certificate is checked against; checking itself cannot be switched off. */
export const ServerTls = z.strictObject({
  ca: z
    .string()
    .max(100_000)
    .regex(/-----BEGIN CERTIFICATE-----/, 'must be a PEM certificate')
    .optional(),
  servername: Host.optional(),
  minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).optional(),
});

export const SECURITIES = ['none', 'starttls', 'tls'] as const;

/**
 * Who set a server's host or port last: what an administrator of a tenant names is reached only where it is public, or where
 * the operator allows it.
 */
export const HOST_AUTHORS = ['operator', 'admin'] as const;
export type HostAuthor = (typeof HOST_AUTHORS)[number];
