// What the operator says of the identity provider that people sign in at (OpenID Connect).
import { z } from 'zod';
import { DurationMs } from '../../../libs/mail/input/duration';
import { GroupRulesText, type GroupRule } from '../../../libs/mail/people/person';

const SHORTEST_MS = 300_000;
const LONGEST_MS = 86_400_000;
const DEFAULT_MS = 28_800_000;

export const OIDC_ENV = {
  ROHRPOST_OIDC_ISSUER: z
    .url({ protocol: /^https?$/, error: 'must be an address like https://login.example.org' })
    .optional(),
  ROHRPOST_OIDC_CLIENT_ID: z.string().optional(),
  ROHRPOST_OIDC_CLIENT_SECRET: z.string().optional(),
  ROHRPOST_OIDC_SCOPE: z
    .string()
    .regex(/^(.* )?openid( .*)?$/, 'must hold openid, like openid profile email')
    .default('openid profile email'),
  ROHRPOST_OIDC_GROUPS_CLAIM: z.string().default('groups'),
  ROHRPOST_OIDC_GROUPS: GroupRulesText.optional(),
  ROHRPOST_OIDC_SESSION: DurationMs.refine(
    (ms) => ms >= SHORTEST_MS && ms <= LONGEST_MS,
    'must be from 5m to 24h',
  ).default(DEFAULT_MS),
};

export interface OidcConfig {
  issuer: string;
  clientId: string;
  /** Not given: a public client, which proves itself by PKCE alone. */
  clientSecret?: string;
  scope: string;
  groupsClaim: string;
  rules: GroupRule[];
  /** How long a session lasts at most, and so how late a group that was taken away is felt. ms */
  sessionMs: number;
  /** As browsers reach the service. */
  publicUrl: string;
}

interface OidcEnv {
  ROHRPOST_OIDC_ISSUER?: string | undefined;
  ROHRPOST_OIDC_CLIENT_ID?: string | undefined;
  ROHRPOST_OIDC_CLIENT_SECRET?: string | undefined;
  ROHRPOST_OIDC_SCOPE: string;
  ROHRPOST_OIDC_GROUPS_CLAIM: string;
  ROHRPOST_OIDC_GROUPS?: GroupRule[] | undefined;
  ROHRPOST_OIDC_SESSION: number;
  ROHRPOST_PUBLIC_URL?: string | undefined;
}

const NEEDED = ['ROHRPOST_OIDC_CLIENT_ID', 'ROHRPOST_OIDC_GROUPS', 'ROHRPOST_PUBLIC_URL'] as const;
const LOCAL = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Only on one machine nobody else reads along. */
export const isLocalHttp = (issuer: string): boolean => {
  const { protocol, hostname } = new URL(issuer);
  return protocol === 'http:' && LOCAL.test(hostname);
};

/** Complains of what is missing beside an issuer, and of one that others could speak for. */
export const requireOidc = (env: OidcEnv, context: z.RefinementCtx): void => {
  const { ROHRPOST_OIDC_ISSUER: issuer } = env;
  const complain = (name: string, message: string) => context.addIssue({ code: 'custom', path: [name], message });
  if (issuer === undefined) {
    if (env.ROHRPOST_OIDC_CLIENT_ID !== undefined || env.ROHRPOST_OIDC_GROUPS !== undefined)
      complain('ROHRPOST_OIDC_ISSUER', 'is needed with ROHRPOST_OIDC_CLIENT_ID and ROHRPOST_OIDC_GROUPS');
    return;
  }
  if (!issuer.startsWith('https:') && !isLocalHttp(issuer))
    complain('ROHRPOST_OIDC_ISSUER', 'must be https; http is for a provider on this machine');
  for (const name of NEEDED.filter((one) => env[one] === undefined))
    complain(name, 'is needed with ROHRPOST_OIDC_ISSUER');
};

export const toOidcConfig = (env: OidcEnv): OidcConfig | undefined => {
  const { ROHRPOST_OIDC_ISSUER: issuer, ROHRPOST_OIDC_CLIENT_SECRET: clientSecret } = env;
  if (issuer === undefined) return undefined;
  return {
    issuer,
    clientId: env.ROHRPOST_OIDC_CLIENT_ID ?? '',
    ...(clientSecret !== undefined && { clientSecret }),
    scope: env.ROHRPOST_OIDC_SCOPE,
    groupsClaim: env.ROHRPOST_OIDC_GROUPS_CLAIM,
    rules: env.ROHRPOST_OIDC_GROUPS ?? [],
    sessionMs: env.ROHRPOST_OIDC_SESSION,
    publicUrl: env.ROHRPOST_PUBLIC_URL ?? '',
  };
};
