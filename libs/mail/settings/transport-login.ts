// Where the password of a transport, or of its mailbox, goes, and by which way: what must not change while the password stays.
import { OAUTH_SECRETS } from '../login/oauth';
import { defaultPort, type StoredTransport, type TransportInput } from './transport';

/** What of a server says where its secrets go: of a transport, and of the mailbox that its reports come to. */
export type ServerInput = Pick<TransportInput, 'host' | 'port' | 'security' | 'tls' | 'auth'>;
export type StoredServer = Pick<StoredTransport, 'host' | 'port' | 'hostBy' | 'security' | 'tls' | 'auth'>;

/** What decides who reads the password: wherever one of them changes, it goes to somebody else, or by another way. */
const DESTINATION = ['host', 'port', 'security', 'tls'] as const;

export const portOf = ({ port, security }: Pick<TransportInput, 'port' | 'security'>): number =>
  port ?? defaultPort(security);

/** @returns what of it changes: names of fields */
export const movedParts = (old: StoredServer, input: ServerInput): string[] => {
  const parts = ({ host, security, tls }: ServerInput | StoredServer, port: number) => ({
    host,
    port,
    security,
    tls: [tls?.ca, tls?.servername, tls?.minVersion],
  });
  const [before, after] = [parts(old, old.port), parts(input, portOf(input))];
  return [
    ...DESTINATION.filter((part) => JSON.stringify(before[part]) !== JSON.stringify(after[part])),
    ...(old.auth?.user === input.auth?.user ? [] : ['auth.user']),
    ...(['tokenUrl', 'clientId'] as const).flatMap((part) =>
      old.auth?.oauth2?.[part] === input.auth?.oauth2?.[part] ? [] : [`auth.oauth2.${part}`],
    ),
  ];
};

/** Does this input send the password that is stored, to the same server and by the same way? */
export const keepsLogin = (old: StoredServer | undefined, input: ServerInput): boolean =>
  old?.auth !== undefined &&
  input.auth !== undefined &&
  [input.auth.pass, ...OAUTH_SECRETS.map((name) => input.auth?.oauth2?.[name])].every(
    (one) => typeof one !== 'string',
  ) &&
  movedParts(old, input).length === 0;
