// Logs in to a server with an access token: XOAUTH2 and OAUTHBEARER, each with an initial response.
import type SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { StoredTransport } from '../../mail/settings/transport';

type Talk = SMTPConnection.CustomAuthenticationContext;

export const MECHANISMS = ['XOAUTH2', 'OAUTHBEARER'] as const;
type Mechanism = (typeof MECHANISMS)[number];

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** RFC 7628 3.1, and the form that came before it. \u0001 stands between the fields. */
const INITIAL: Record<Mechanism, (user: string, token: string, transport: StoredTransport) => string> = {
  XOAUTH2: (user, token) => `user=${user}\u0001auth=Bearer ${token}\u0001\u0001`,
  OAUTHBEARER: (user, token, { host, port }) => {
    // A name in a GS2 header (RFC 5801 section 4).
    const name = user.replace(/=/g, '=3D').replace(/,/g, '=2C');
    return `n,a=${name},\u0001host=${host}\u0001port=${port}\u0001auth=Bearer ${token}\u0001\u0001`;
  },
};

/** What is said to a 334 that tells why the token is refused, so that the refusal itself comes (RFC 7628 3.2.3). */
const ANSWER_TO_REASON: Record<Mechanism, string> = { XOAUTH2: '', OAUTHBEARER: base64('\u0001') };

/** The reason of a refusal: JSON in base64, as in `{"status":"400","schemes":"bearer","scope":"..."}`. */
const reasonIn = (response: string): string | undefined => {
  try {
    const said = JSON.parse(Buffer.from(response.slice(4).trim(), 'base64').toString()) as Record<string, unknown>;
    const words = Object.entries(said).flatMap(([name, value]) =>
      typeof value === 'string' && value !== '' ? [`${name} ${value.replace(/[^ -~]/g, '?').slice(0, 200)}`] : [],
    );
    return words.length === 0 ? undefined : words.join(', ');
  } catch {
    return undefined;
  }
};

/** The server does not take this token; `reason` is what it said of it beside the reply. */
export class TokenRefused extends Error {
  override name = 'TokenRefused';
  constructor(readonly reason: string | undefined) {
    super('the server refused the access token');
  }
}

const handler =
  (mechanism: Mechanism, transport: StoredTransport) =>
  async (talk: Talk): Promise<void> => {
    const { user, pass: token } = talk.auth.credentials;
    const initial = base64(INITIAL[mechanism](user, token, transport));
    let { response } = await talk.sendCommand(`AUTH ${mechanism} ${initial}`);
    const reason = response.startsWith('334') ? reasonIn(response) : undefined;
    if (response.startsWith('334')) ({ response } = await talk.sendCommand(ANSWER_TO_REASON[mechanism]));
    if (!response.startsWith('2')) throw new TokenRefused(reason);
  };

/** For nodemailer's connection, which calls the one that `login` names. */
export const oauthHandlers = (transport: StoredTransport): SMTPConnection.CustomAuthenticationHandlers =>
  Object.fromEntries(MECHANISMS.map((mechanism) => [mechanism, handler(mechanism, transport)]));

/**
 * The mechanism to log in by: XOAUTH2 where the server offers it, else OAUTHBEARER.
 * @param ehlo the server's answer to EHLO
 */
export const offeredMechanism = (ehlo: string): Mechanism | undefined => {
  const offered = [...ehlo.matchAll(/^250[ -]AUTH[ =](.*)$/gim)].flatMap(([, names = '']) =>
    names.trim().toUpperCase().split(/[ =]+/),
  );
  return MECHANISMS.find((name) => offered.includes(name));
};
