// The mailbox of a return path with what one logs in to it with: read anew for each visit.
import { askedWith } from '../../../libs/mail/login/oauth';
import type { StoredMailbox } from '../../../libs/mail/settings/bounce-mailbox';
import type { AccessTokens } from '../../../libs/oauth/access-tokens';
import { mailboxName } from '../../../libs/store/registries/transport-secrets';
import type { Transports } from '../../../libs/store/registries/transports';

export interface LoadMailboxDeps {
  transports: Pick<Transports, 'mailboxSecrets'>;
  accessTokens: AccessTokens;
}

/** What one visit logs in with. */
export type Credentials = { user: string } & ({ pass: string } | { accessToken: string });

/** How one logs in to a mailbox. */
export interface MailboxLogin {
  /** @throws NoToken, SecretKeyMissing */
  credentials(): Promise<Credentials>;
  /** The server refused them. @returns whether others may help */
  refused(credentials: Credentials): Promise<boolean>;
}

/** @throws SecretKeyMissing */
export const loginOf = (
  { transports, accessTokens }: LoadMailboxDeps,
  tenant: string,
  transport: string,
  mailbox: StoredMailbox,
): MailboxLogin => {
  const { user, oauth2 } = mailbox.auth;
  const secrets = transports.mailboxSecrets(tenant, transport, mailbox);
  if (oauth2 === undefined)
    return {
      credentials: () => Promise.resolve({ user, pass: secrets.password ?? '' }),
      refused: () => Promise.resolve(false),
    };
  const { tokenUrl, clientId, scope, grant } = oauth2;
  const owner = {
    tenant,
    transport: mailboxName(transport),
    oauth2: {
      tokenUrl,
      clientId,
      grant,
      ...(scope !== undefined && { scope }),
      user,
      secrets: secrets.oauth2 ?? {},
    },
    askedWith: askedWith(user, oauth2),
  };
  return {
    credentials: async () => ({ user, accessToken: await accessTokens.get(owner) }),
    refused: async (used) => 'accessToken' in used && (await accessTokens.refused(owner, used.accessToken)),
  };
};
