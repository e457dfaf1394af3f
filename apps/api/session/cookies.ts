// What a browser keeps for the console: its session, and how its reader wants to read.
import type { IncomingHttpHeaders } from 'node:http';
import type { Response } from 'express';

/** Names of cookies. */
export const SESSION = 'rohrpost_session';
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

/** @param secure only over TLS */
export const setCookie = (response: Response, name: string, value: string, secure: boolean, maxAge: number): void => {
  response.cookie(name, value, { httpOnly: true, sameSite: 'strict', secure, path: '/', maxAge: maxAge * 1_000 });
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
