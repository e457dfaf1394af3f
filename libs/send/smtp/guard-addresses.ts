// Keeps a connection to a host that a tenant's administrator set from leading where the operator does not allow it.
import type SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { AddressRule } from '../../runtime/addresses';

/** The host stands for an address that a tenant must not reach: nothing was connected to. */
export class HostNotAllowed extends Error {
  override name = 'HostNotAllowed';
  constructor(host: string) {
    super(
      `the host ${host} is not on the public network: set another host, or ask the operator to allow it ` +
        '(ROHRPOST_ALLOW_PRIVATE_SMTP_HOSTS) or to set it himself',
    );
  }
}

/** As nodemailer gives them: it connects to these, and looks the name up no further. */
interface Resolved {
  _addresses?: string[];
}

/** nodemailer's own method, which resolves the host of a connection; test/attack/smtp-hosts.test.ts holds it to that. */
interface Resolver {
  _resolveAndConnect(options: object, connect: (resolved: Resolved) => void): void;
}

/**
 * Checks the very addresses that are connected to, so a name that answers differently the next time gains nothing. One that is not
 * allowed is enough to refuse them all.
 * @param refuse ends the connection
 */
export const guardAddresses = (
  smtp: SMTPConnection,
  host: string,
  mayReach: AddressRule,
  refuse: (error: HostNotAllowed) => void,
): void => {
  const inner = smtp as unknown as Resolver;
  const resolve = inner._resolveAndConnect.bind(smtp);
  inner._resolveAndConnect = (options, connect) =>
    resolve(options, (resolved) => {
      const addresses = resolved._addresses ?? [];
      if (addresses.length > 0 && addresses.every((address) => mayReach(host, address))) return connect(resolved);
      refuse(new HostNotAllowed(host));
    });
};
