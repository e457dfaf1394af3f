// Who is signed in: a session is good while its key is, or while the configuration lets its person act.
import type { Identity } from '../../../libs/mail/settings/api-key';
import type { ApiKeys } from '../../../libs/store/registries/api-keys';
import type { Session, Sessions } from '../../../libs/store/registries/sessions';
import { isWithin } from '../../../libs/mail/settings/address-ranges';
import type { People } from '../openid/person';
import { cookieOf, SESSION, type WithCookies } from './cookies';

export interface SessionGate {
  /**
   * @param request.ip where it comes from; not looked at where it is not given
   * @param how `look`: the session is not kept for longer by it
   * @returns whose session the request belongs to, with the name that they gave; undefined where it is nobody's
   */
  identityOf(request: WithCookies & { ip?: string | undefined }, how?: 'look'): Promise<Identity | undefined>;
  /** The session itself, good or not, without keeping it. */
  sessionOf(request: WithCookies): Promise<Session | undefined>;
}

export interface SessionGateDeps {
  sessions: Sessions;
  keys: ApiKeys;
  people: People;
}

export const createSessionGate = ({ sessions, keys, people }: SessionGateDeps): SessionGate => ({
  async identityOf(request, how) {
    const token = cookieOf(request, SESSION);
    const session =
      token === undefined ? undefined : how === 'look' ? await sessions.look(token) : await sessions.use(token);
    if (session === undefined) return undefined;
    if ('signedIn' in session) return people.identityOf(session.signedIn);
    const identity = await keys.identifyAgain(session.key, session.proof);
    const { ip } = request;
    const isElsewhere = ip !== undefined && !(identity?.addresses ?? []).every((ranges) => isWithin(ip, ranges));
    if (identity === undefined || isElsewhere) return undefined;
    if (how !== 'look') keys.used(identity.id);
    return { ...identity, ...(session.person !== undefined && { name: session.person }) };
  },
  async sessionOf(request) {
    const token = cookieOf(request, SESSION);
    return token === undefined ? undefined : sessions.look(token);
  },
});
