// What a browser keeps for the console: its session, and how its reader wants to read.
import type { IncomingHttpHeaders } from 'node:http';
import type { Response } from 'express';

/** Names of cookies. */
const SESSION = 'rohrpost_session';
export const LANGUAGE = 'rohrpost_lang';
export const ZONE = 'rohrpost_zone';

export interface WithCookies {
  headers: IncomingHttpHeaders | Record<string, string | undefined>;
}

/** RFC 6265 4.2.1; a value that is not percent-encoded UTF-8 is none. */
export const cookieOf = ({ headers }: WithCookies, name: string): string | undefined => {
  for (const part of String(headers['cookie'] ?? '').split(';')) {
    const at = part.indexOf('=');
    if (at < 0 || part.slice(0, at).trim() !== name) continue;
    try {
      return decodeURIComponent(part.slice(at + 1).trim());
    } catch {
      return undefined;
    }
  }
  return undefined;
};

/** The prefix keeps other hosts below the same domain from setting it (RFC 6265bis 4.1.3.2); it is for TLS alone. */
const sessionName = (secure: boolean): string => `${secure ? '__Host-' : ''}${SESSION}`;

/** Whether the browser reaches this site over TLS. @param publicUrl of the configuration; where it is not given, the request tells */
export const secureBy =
  (publicUrl: string | undefined) =>
  ({ secure = false }: { secure?: boolean }): boolean =>
    publicUrl === undefined ? secure : publicUrl.startsWith('https:');

/** What the browser holds of its session. @param secure as the browser reaches this site: over TLS no other name counts */
export const sessionToken = (request: WithCookies, secure: boolean): string | undefined =>
  cookieOf(request, sessionName(true)) ?? (secure ? undefined : cookieOf(request, sessionName(false)));

/** @param secure only over TLS */
export const setCookie = (response: Response, name: string, value: string, secure: boolean, maxAge: number): void => {
  response.cookie(name, value, { httpOnly: true, sameSite: 'strict', secure, path: '/', maxAge: maxAge * 1_000 });
};

/** @param maxAge seconds */
export const setSession = (response: Response, token: string, secure: boolean, maxAge: number): void =>
  setCookie(response, sessionName(secure), token, secure, maxAge);

export const clearSession = (response: Response, secure: boolean): void => {
  response.clearCookie(sessionName(secure), { path: '/', secure });
};

/** IANA's name of a zone that this process knows; UTC for any other. */
export const zoneOf = (request: WithCookies): string => {
  const zone = cookieOf(request, ZONE);
  if (zone === undefined || !/^[\w+/-]{1,64}$/.test(zone)) return 'UTC';
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return zone;
  } catch {
    return 'UTC';
  }
};
