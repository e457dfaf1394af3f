// A transport with its secrets, as it is used: read anew for each attempt.
import type { AccessTokens } from '../../../libs/oauth/access-tokens';
import { askedWith } from '../../../libs/mail/login/oauth';
import type { OpenTransport } from '../../../libs/send/smtp/connections';
import type { Transports } from '../../../libs/store/registries/transports';

export interface LoadTransportDeps {
  transports: Transports;
  accessTokens: AccessTokens;
}

/** @returns undefined where the tenant has no transport of this name */
export const loadTransport = async (
  { transports, accessTokens }: LoadTransportDeps,
  tenant: string,
  name: string,
): Promise<OpenTransport | undefined> => {
  const transport = await transports.get(tenant, name);
  if (transport === undefined) return undefined;
  const secrets = transports.secrets(tenant, name, transport);
  const open = { id: `${tenant}/${name}`, transport, secrets };
  const { auth } = transport;
  if (auth?.oauth2 === undefined) return open;
  const { tokenUrl, clientId, scope, grant } = auth.oauth2;
  const given = { tokenUrl, clientId, grant, ...(scope !== undefined && { scope }) };
  const owner = {
    tenant,
    transport: name,
    oauth2: { ...given, user: auth.user, secrets: secrets.oauth2 ?? {} },
    askedWith: askedWith(auth.user, auth.oauth2),
  };
  const tokens = {
    get: () => accessTokens.get(owner),
    refused: (token: string) => accessTokens.refused(owner, token),
  };
  return { ...open, tokens };
};
