// Who logs in: a key as the password, and the queue that its messages go to.
import { SLUG, type QueueAddress } from '../../../libs/mail/address/queue-address';
import { may, reaches, type Identity } from '../../../libs/mail/settings/api-key';
import type { Credentials } from '../../../libs/store/limits/credentials';
import type { ApiKeys } from '../../../libs/store/registries/api-keys';
import type { Tenants } from '../../../libs/store/registries/tenants';
import { Refusal, toRefusal } from './refusal';

export interface Login {
  identity: Identity;
  /** The key holds still where this is its proof (`ApiKeys.proofOf`). */
  proof: string;
  address: QueueAddress;
}

/** `tenant/application` */
const readQueue = (user: string): QueueAddress | undefined => {
  const [tenant = '', application = '', ...more] = user.split('/');
  return more.length === 0 && SLUG.test(tenant) && SLUG.test(application) ? { tenant, application } : undefined;
};

/** @throws Refusal where user name and key name no queue together */
const queueOf = (identity: Identity, user: string): QueueAddress => {
  const named = readQueue(user);
  const { tenant, application } = identity;
  if (named !== undefined && !reaches(identity, named))
    throw new Refusal(535, '5.7.8', `this key does not reach the queue ${user} that the user name names`);
  if (named !== undefined) return named;
  if (tenant !== undefined && application !== undefined) return { tenant, application };
  throw new Refusal(535, '5.7.8', 'this key is for more than one queue: give tenant/application as the user name');
};

/** What is away now is no fault of the key (RFC 4954 6). */
const ofLogin = (error: unknown): unknown => {
  const refusal = toRefusal(error);
  if (refusal?.responseCode !== 451) return error;
  return new Refusal(454, '4.7.0', 'the key cannot be looked up now: try again in a moment', refusal.code);
};

export interface LoginDeps {
  keys: Pick<ApiKeys, 'proofOf' | 'identifyAgain'>;
  credentials: Credentials;
  tenants: Pick<Tenants, 'tenant'>;
}

export const createLogin = ({ keys, credentials, tenants }: LoginDeps) => {
  const identify = async (remote: string, user: string, key: string): Promise<Login> => {
    const identity = await credentials.identify(remote, key);
    if (identity === undefined)
      throw new Refusal(535, '5.7.8', 'this is no valid key: give a sender key as the password', 'unauthenticated');
    if (!may(identity, 'send'))
      throw new Refusal(535, '5.7.8', `a key with the role ${identity.role} may not send`, 'forbidden');
    const address = queueOf(identity, user);
    if ((await tenants.tenant(address.tenant)) === undefined)
      throw new Refusal(535, '5.7.8', `there is no tenant ${address.tenant}`, 'not-found');
    return { identity, proof: keys.proofOf(key), address };
  };

  return {
    /**
     * @param remote address of the client
     * @throws Refusal; Problem `too-many-wrong-keys`, `address-not-allowed`
     */
    async begin(remote: string, user: string, key: string): Promise<Login> {
      try {
        return await identify(remote, user, key);
      } catch (error) {
        throw ofLogin(error);
      }
    },
    /** The same login for the next message: its key may have been revoked. @throws Refusal */
    async again({ identity, proof, address }: Login): Promise<Login> {
      const now = await keys.identifyAgain(identity.id, proof);
      if (now === undefined || !may(now, 'send') || !reaches(now, address))
        throw new Refusal(421, '4.7.0', 'this key does not hold any more', 'unauthenticated');
      return { identity: now, proof, address };
    },
  };
};
