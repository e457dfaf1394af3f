// How the scripted SMTP server reads an access token: XOAUTH2 and OAUTHBEARER (RFC 7628), with their initial responses.

export interface TokenLogin {
  /** What EHLO offers of them. */
  mechanisms: ('XOAUTH2' | 'OAUTHBEARER')[];
  check: (user: string, token: string) => boolean | Promise<boolean>;
}

/** \u0001 stands between the fields, and twice at the end. */
const FORMS: Record<string, RegExp> = {
  XOAUTH2: /^user=([^|]+)\|auth=Bearer ([!-~]+)\|\|$/,
  OAUTHBEARER: /^n,a=([^,|]+),\|host=[^|]+\|port=\d+\|auth=Bearer ([!-~]+)\|\|$/,
};

/** @returns who logs in with what; undefined where the response is not of this mechanism's form */
export const readToken = (mechanism: string, response: string): { user: string; token: string } | undefined => {
  const [, user, token] = FORMS[mechanism]?.exec(response.replaceAll('\u0001', '|')) ?? [];
  if (user === undefined || token === undefined) return undefined;
  return { user: user.replace(/=2C/g, ',').replace(/=3D/g, '='), token };
};

/** What a 334 says of a token that is refused. */
export const TOKEN_REASON = { status: '401', schemes: 'bearer', scope: 'smtp' };

/** What the client has to answer to that. */
export const ANSWER: Record<string, string> = { XOAUTH2: '', OAUTHBEARER: 'AQ==' };
