// Who is signed in: a session is good while its key is, or while the configuration lets its person act.
import type { Identity } from '../../../libs/mail/settings/api-key';
import type { ApiKeys } from '../../../libs/store/registries/api-keys';
import type { PersonSession, Session, Sessions } from '../../../libs/store/registries/sessions';
import { isWithin } from '../../../libs/mail/settings/address-ranges';
import type { People } from '../openid/person';
import type { Tenants } from '../../../libs/store/registries/tenants';
import { secureBy, sessionToken, type WithCookies } from './cookies';

type FromBrowser = WithCookies & { ip?: string | undefined; secure?: boolean };

export interface SessionGate {
  /**
   * @param request.ip where it comes from; not looked at where it is not given
   * @param request.secure it came over TLS; asked for where the configuration does not tell
   * @param how `look`: the session is not kept for longer by it
   * @returns whose session the request belongs to, with the name that they gave; undefined where it is nobody's
   */
  identityOf(request: FromBrowser, how?: 'look'): Promise<Identity | undefined>;
  /** The session itself, good or not, without keeping it. */
  sessionOf(request: FromBrowser): Promise<Session | undefined>;
  /** What the browser holds of it. */
  tokenOf(request: FromBrowser): string | undefined;
}

export interface SessionGateDeps {
  sessions: Sessions;
  keys: ApiKeys;
  people: People;
  tenants: Pick<Tenants, 'tenant'>;
  /** Where browsers reach this site, as the configuration says. */
  publicUrl?: string | undefined;
}

export const createSessionGate = ({ sessions, keys, people, tenants, publicUrl }: SessionGateDeps): SessionGate => {
  const isSecure = secureBy(publicUrl);
  const tokenOf = (request: FromBrowser): string | undefined => sessionToken(request, isSecure(request));
  const personOf = async (signedIn: PersonSession['signedIn']): Promise<Identity | undefined> => {
    const { tenant, tenantSince } = signedIn;
    // Of a tenant that was removed and made anew nothing is theirs.
    const isSame = tenant === undefined || (await tenants.tenant(tenant))?.createdAt === tenantSince;
    return isSame && (tenant === undefined || tenantSince !== undefined) ? people.identityOf(signedIn) : undefined;
  };
  return {
    tokenOf,
    async identityOf(request, how) {
      const token = tokenOf(request);
      const session =
        token === undefined ? undefined : how === 'look' ? await sessions.look(token) : await sessions.use(token);
      if (session === undefined) return undefined;
      if ('signedIn' in session) return personOf(session.signedIn);
      const identity = await keys.identifyAgain(session.key, session.proof);
      const { ip } = request;
      const isElsewhere = ip !== undefined && !(identity?.addresses ?? []).every((ranges) => isWithin(ip, ranges));
      if (identity === undefined || isElsewhere) return undefined;
      if (how !== 'look') keys.used(identity.id);
      return { ...identity, ...(session.person !== undefined && { name: session.person }) };
    },
    async sessionOf(request) {
      const token = tokenOf(request);
      return token === undefined ? undefined : sessions.look(token);
    },
  };
};
