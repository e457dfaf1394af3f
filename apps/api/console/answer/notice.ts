// What was just done is told on the next page, once: it travels in a cookie of a minute.
import type { Request, Response } from 'express';
import { isWordKey, type Say, type WordKey } from '../words/all-words';
import type { Values } from '../words/words';
import { cookieOf, setCookie } from '../../session/cookies';

const NOTICE = 'rohrpost_notice';
const SECONDS = 60;

export const leaveNotice = (response: Response, secure: boolean, key: WordKey, values: Values = {}): void =>
  setCookie(response, NOTICE, JSON.stringify({ key, values }), secure, SECONDS);

/** @returns the notice in the reader's language; it is told once */
export const takeNotice = (request: Request, response: Response, say: Say): string | undefined => {
  const text = cookieOf(request, NOTICE);
  if (text === undefined) return undefined;
  response.clearCookie(NOTICE, { path: '/' });
  try {
    const { key, values } = JSON.parse(text) as { key: string; values: Values };
    return isWordKey(key) ? say(key, values) : undefined;
  } catch {
    // Somebody has changed his own cookie.
    return undefined;
  }
};
