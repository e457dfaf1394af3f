// A real authorization server on loopback: started, told what to answer, asked what it knows of a token.
import { generateKeyPairSync } from 'node:crypto';
import { startSteered } from './steered-server';

export interface OidcServer {
  url: string;
  /** What signs for `key-app` and `service-account`, PEM. */
  privateKey: string;
  /** @param change `life` of the tokens to come, s */
  set(change: { mode?: 'ok' | '500' | 'hang' | 'refuse'; life?: number }): Promise<void>;
  /** How often it was asked for a token. */
  requests(): Promise<number>;
  check(user: string, token: string): Promise<boolean>;
  revoke(token: string): Promise<void>;
  /** As if a person had consented. */
  refreshToken(clientId: string, accountId: string): Promise<string>;
  close(): Promise<void>;
}

export interface OidcClient {
  client_id: string;
  client_secret?: string;
  grant_types: string[];
  token_endpoint_auth_method: 'client_secret_post' | 'private_key_jwt';
}

/** @param accounts mailboxes that the service account stands in for */
export const startOidcServer = async (clients: OidcClient[], accounts: string[]): Promise<OidcServer> => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2_048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const { url, ask, close } = await startSteered('oidc-server.mjs', { clients, accounts, publicKey });
  return {
    url,
    privateKey,
    set: (change) => ask('set', change),
    requests: () => ask('requests'),
    check: (user, token) => ask('check', { user, token }),
    revoke: (token) => ask('revoke', { token }),
    refreshToken: (clientId, accountId) => ask('refreshToken', { clientId, accountId }),
    close,
  };
};
