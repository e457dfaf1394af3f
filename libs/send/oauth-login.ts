// Logs in to an SMTP server with an access token: XOAUTH2 and OAUTHBEARER, each with an initial response.
import type { StoredTransport } from '../mail/transport';

/** What nodemailer gives a handler of its `customAuth` and takes from it. */
interface AuthContext {
  auth: { credentials?: { user?: string; pass?: string } };
  method: string;
  sendCommand(command: string): Promise<{ status: number; text: string; response: string }>;
  resolve(): void;
  reject(error: Error): void;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** RFC 7628 4.1, and the form that it grew out of (Google's XOAUTH2). `\u0001` separates. */
const INITIAL: Record<'XOAUTH2' | 'OAUTHBEARER', (user: string, token: string, server: string) => string> = {
  XOAUTH2: (user, token) => `user=${user}\u0001auth=Bearer ${token}\u0001\u0001`,
  OAUTHBEARER: (user, token, server) =>
    `n,a=${user.replace(/=/g, '=3D').replace(/,/g, '=2C')},\u0001${server}\u0001auth=Bearer ${token}\u0001\u0001`,
};
type Mechanism = keyof typeof INITIAL;

/** What a client says to a 334 that carries the reason of a refusal, so that the refusal itself comes (RFC 7628 3.2.3). */
const DUMMY: Record<Mechanism, string> = { XOAUTH2: '', OAUTHBEARER: 'AQ==' };

/** The reason in a 334: JSON in base64, like `{"status":"400","schemes":"Bearer"}`. Only its plain values are shown. */
const reasonIn = (text: string): string | undefined => {
  try {
    const said = JSON.parse(Buffer.from(text.trim(), 'base64').toString()) as Record<string, unknown>;
    const words = Object.entries(said).flatMap(([name, value]) =>
      typeof value === 'string' && value !== '' ? [`${name} ${value.slice(0, 200)}`] : [],
    );
    return words.length === 0 ? undefined : words.join(', ');
  } catch {
    return undefined;
  }
};

const handler =
  (mechanism: Mechanism, { host, port }: StoredTransport) =>
  async ({ auth, sendCommand }: AuthContext): Promise<void> => {
    const { user = '', pass: token = '' } = auth.credentials ?? {};
    const initial = INITIAL[mechanism](user, token, `host=${host}\u0001port=${port}`);
    let answer = await sendCommand(`AUTH ${mechanism} ${base64(initial)}`);
    const reason = answer.status === 334 ? reasonIn(answer.text) : undefined;
    if (answer.status === 334) answer = await sendCommand(DUMMY[mechanism]);
    if (answer.status >= 200 && answer.status < 300) return;
    const error = new Error(`Invalid login: ${answer.response}`);
    throw reason === undefined ? error : Object.assign(error, { tokenReason: reason });
  };

/** For nodemailer's connection: it calls the one that `login` names. */
export const oauthHandlers = (transport: StoredTransport) => ({
  XOAUTH2: handler('XOAUTH2', transport),
  OAUTHBEARER: handler('OAUTHBEARER', transport),
});

/**
 * The mechanism to log in by: XOAUTH2 where the server offers it, else OAUTHBEARER.
 * @param ehlo the server's answer to EHLO
 */
export const oauthMechanism = (ehlo: string): Mechanism | undefined => {
  const offered = [...ehlo.matchAll(/^250[ -]AUTH[ =](.*)$/gim)].flatMap(([, names = '']) =>
    names.toUpperCase().trim().split(/[ =]+/),
  );
  return (['XOAUTH2', 'OAUTHBEARER'] as const).find((name) => offered.includes(name));
};
