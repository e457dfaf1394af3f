// Who set the host of a transport, or of its mailbox, and whether he may have it: administrators of tenants name no private address.
import { problemAt } from '../mail/input/problem';
import type { HostAuthor } from '../mail/login/server';
import { may, type Identity } from '../mail/settings/api-key';
import { portOf, type ServerInput, type StoredServer } from '../mail/settings/transport-login';
import { spelledAddress, type AddressRule } from '../runtime/addresses';

/** What a change asks for. */
interface HostChange {
  present: StoredServer | undefined;
  input: ServerInput;
  /** Where it stands in the document; not given: at its top. */
  at?: string[];
  /** Whether host or port is named in what was sent: always by a PUT, in a PATCH where it stands. */
  named: boolean;
}

/**
 * The operator sets the host by naming it, even as it was; an administrator only by changing it or the port, so that what the
 * operator set stays the operator's while other settings change.
 */
const authorOf = (identity: Identity, { present, input, named }: HostChange): HostAuthor | undefined => {
  const isSame = present !== undefined && present.host === input.host && present.port === portOf(input);
  if (may(identity, 'operate') && named) return 'operator';
  if (isSame) return present.hostBy;
  return may(identity, 'operate') ? 'operator' : 'admin';
};

/**
 * A name is looked up when it is connected to (libs/send/smtp/guard-addresses.ts), not here: it may stand for something else by then.
 * @returns who set it, to be kept with the transport; undefined for one of a version that kept no author
 * @throws Problem `host-not-allowed`
 */
export const decideHost = (identity: Identity, mayReach: AddressRule, change: HostChange): HostAuthor | undefined => {
  const author = authorOf(identity, change);
  const { host } = change.input;
  const address = spelledAddress(host);
  if (author !== 'admin' || address === undefined || mayReach(host, address)) return author;
  const message =
    'is not on the public network: set another host, or ask the operator to allow it (ROHRPOST_ALLOW_PRIVATE_SMTP_HOSTS) or to set it himself';
  throw problemAt('host-not-allowed', [...(change.at ?? []), 'host'], message);
};
