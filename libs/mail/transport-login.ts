// Where a transport's password goes, and by which way: what must not change while the password stays.
import { defaultPort, type StoredTransport, type TransportInput } from './transport';

/** What decides who reads the password: wherever one of them changes, it goes to somebody else, or by another way. */
const DESTINATION = ['host', 'port', 'security', 'tls'] as const;

export const portOf = ({ port, security }: Pick<TransportInput, 'port' | 'security'>): number =>
  port ?? defaultPort(security);

/** @returns what of it changes: names of fields */
export const movedParts = (old: StoredTransport, input: TransportInput): string[] => {
  const parts = ({ host, security, tls }: TransportInput | StoredTransport, port: number) => ({
    host,
    port,
    security,
    tls: [tls?.ca, tls?.servername, tls?.minVersion],
  });
  const [before, after] = [parts(old, old.port), parts(input, portOf(input))];
  return [
    ...DESTINATION.filter((part) => JSON.stringify(before[part]) !== JSON.stringify(after[part])),
    ...(old.auth?.user === input.auth?.user ? [] : ['auth.user']),
  ];
};

/** Does a transport with this input send the password that is stored, to the same server and by the same way? */
export const keepsLogin = (old: StoredTransport | undefined, input: TransportInput): boolean =>
  old?.auth !== undefined &&
  input.auth !== undefined &&
  'pass' in input.auth &&
  typeof input.auth.pass !== 'string' &&
  movedParts(old, input).length === 0;
