// A real authorization server on loopback: started, told what to answer, asked what it knows of a token.
import { fork } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';

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
  const child = fork(join(__dirname, 'oidc-server.mjs'), [JSON.stringify({ clients, accounts, publicKey })], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { PATH: process.env['PATH'], NODE_NO_WARNINGS: '1' },
  });
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  let last = 0;
  const [{ ready: url }] = (await once(child, 'message')) as [{ ready: string }];
  child.on('message', ({ id, result, error }: { id: number; result?: unknown; error?: string }) => {
    const asker = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) asker?.resolve(result);
    else asker?.reject(new Error(error));
  });
  const ask = <T>(order: string, given: unknown): Promise<T> =>
    new Promise((resolve, reject) => {
      waiting.set(++last, { resolve: resolve as (result: unknown) => void, reject });
      child.send({ id: last, order, given });
    });
  return {
    url,
    privateKey,
    set: (change) => ask('set', change),
    requests: () => ask('requests', {}),
    check: (user, token) => ask('check', { user, token }),
    revoke: (token) => ask('revoke', { token }),
    refreshToken: (clientId, accountId) => ask('refreshToken', { clientId, accountId }),
    async close() {
      const exit = once(child, 'exit');
      child.disconnect();
      await exit;
    },
  };
};
