// An SMTP server that a tenant may use.
import { createPrivateKey } from 'node:crypto';
import { z } from 'zod';
import { addressFault, normalizeAddress } from '../address/address';
import { Slug } from '../address/queue-address';
import { Host, Login, ServerTls, type HostAuthor, type StoredLogin } from '../login/server';
import { ReturnPath } from '../reports/return-path';
import { BounceMailbox, type StoredMailbox } from './bounce-mailbox';
import { SecretInput } from '../input/secret-input';

/** An RSA key of at least 1024 bits (RFC 8301 3.2), the strength that verifiers accept. */
const isSigningKey = (pem: string): boolean => {
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = createPrivateKey(pem);
    return asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= 1_024;
  } catch {
    return false;
  }
};

const DnsName = z
  .string()
  .max(253)
  .regex(
    /^[a-z0-9_]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9])?)*$/i,
    'must be a name in the DNS, in ASCII (xn--... for other letters)',
  );

/** How its emails are signed (RFC 6376); the public key stands in the DNS under `<selector>._domainkey.<domain>`. */
const Dkim = z.strictObject({
  domain: DnsName,
  selector: DnsName,
  privateKey: SecretInput.refine(
    (given) => typeof given !== 'string' || isSigningKey(given),
    'must be an RSA private key in PEM, of 1024 bits or more, without a passphrase',
  ),
});

/** `ann@acme.example`, or `@acme.example` for every address of that domain (not of those below it). */
const AllowedFrom = z
  .string()
  .max(320)
  .refine(
    (text) => addressFault(text.startsWith('@') ? `any${text}` : text) === undefined,
    'must be an address like ann@acme.example, or a domain like @acme.example',
  );

/** May an email with this From go out by a transport that allows these? */
export const mayBeFrom = (allowed: string[] | undefined, address: string): boolean => {
  if (allowed === undefined) return true;
  const from = normalizeAddress(address);
  return allowed.some((one) =>
    one.startsWith('@') ? from.endsWith(normalizeAddress(`any${one}`).slice(3)) : normalizeAddress(one) === from,
  );
};

const Limits = z
  .strictObject({
    connections: z.int().min(1).max(1_000),
    perSecond: z.int().min(1).max(10_000),
    perMinute: z.int().min(1).max(600_000),
    perHour: z.int().min(1).max(10_000_000),
    perDay: z.int().min(1).max(100_000_000),
  })
  .partial();

export type TransportLimits = z.infer<typeof Limits>;

export const TransportInput = z
  .strictObject({
    host: Host,
    port: z.int().min(1).max(65_535).optional(),
    security: z.enum(['none', 'starttls', 'tls']).default('starttls'),
    auth: Login.optional(),
    /** What the server's certificate is checked against; checking itself cannot be switched off. */
    tls: ServerTls.extend({
      /** Each server on the way must pass it on over TLS that it has verified, or not at all (REQUIRETLS, RFC 8689). */
      requireTls: z.boolean().optional(),
    }).optional(),
    /** What the server allows, over all workers; what is not given is not limited. */
    limits: Limits.optional(),
    dkim: Dkim.optional(),
    /** The name given in EHLO. */
    name: Host.optional(),
    allowedFrom: z.array(AllowedFrom).min(1).max(100).optional(),
    /** The transport that its emails go by while its own server cannot be reached. */
    fallback: Slug.optional(),
    /** Where bounces and complaints come back to: the envelope's sender, with a tag for each email. */
    returnPath: ReturnPath.extend({ mailbox: BounceMailbox.optional() }).optional(),
  })
  .meta({
    id: 'Transport',
    examples: [
      {
        host: 'smtp.acme.example',
        security: 'starttls',
        auth: { user: 'billing', pass: 'the password' },
        limits: { connections: 10, perMinute: 300 },
      },
    ],
  });

export type TransportInput = z.infer<typeof TransportInput>;

/** What is put, and who set the hosts that are in it; undefined leaves it as in data of versions that kept no author. */
export type TransportChange = TransportInput & {
  hostBy?: HostAuthor | undefined;
  mailboxHostBy?: HostAuthor | undefined;
};

/** A transport as it is kept: the password sealed, the port decided. */
export interface StoredTransport {
  host: string;
  port: number;
  /** Not there: it was put by a version that kept no author, and counts as the operator's. */
  hostBy?: HostAuthor;
  security: 'none' | 'starttls' | 'tls';
  /** A sealed password, or what a token is asked for with. */
  auth?: StoredLogin;
  tls?: { ca?: string; servername?: string; minVersion?: 'TLSv1.2' | 'TLSv1.3'; requireTls?: boolean };
  name?: string;
  dkim?: { domain: string; selector: string; sealedKey: string };
  allowedFrom?: string[];
  limits?: TransportLimits;
  fallback?: string;
  returnPath?: ReturnPath & { mailbox?: StoredMailbox };
  /** Rises with every PUT; connections of an older version are not used again. */
  version: number;
  createdAt: string;
  updatedAt: string;
}

/** Ports of RFC 8314 (465) and RFC 6409 (587); 25 where nothing is encrypted. */
export const defaultPort = (security: StoredTransport['security']): number =>
  security === 'tls' ? 465 : security === 'starttls' ? 587 : 25;
