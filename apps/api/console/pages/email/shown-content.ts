// What an email says, as the API answers it, and how it is handed to a frame where nothing of it can do harm.
import type { z } from 'zod';
import { Problem } from '../../../../../libs/mail/input/problem';
import type { EmailContent } from '../../../answers/content';
import { toProblem } from '../../../http/errors';
import type { Download, Visit } from '../../page/page';
import { emailParams, isConfidential, type Details } from './loaded-email';

export type Content = z.infer<typeof EmailContent>;
export type Rendered = Content['rendered'];

/** Which of the two the reader wants; as it was sent, where that is kept and nothing else was asked for. */
export const wanted = ({ query }: Pick<Visit, 'query'>, email: Details): Rendered =>
  email.archived && query['as'] !== 'now' ? 'sent' : 'now';

/** @returns what it says, or why that cannot be shown */
export const readContent = async (visit: Visit, email: Details, rendered: Rendered): Promise<Content | Problem> => {
  if (isConfidential(email)) return new Problem('forbidden', visit.say('preview.confidential'));
  try {
    return await visit.ask<Content>('getEmailContent', { params: emailParams(visit), query: { rendered } });
  } catch (error) {
    const problem = toProblem(error);
    if (problem === undefined) throw error;
    return problem;
  }
};

/**
 * The policy of a frame that shows a mail: nothing runs, nothing is loaded, nothing is sent (CSP Level 3); only pages of this site
 * hold the frame.
 */
const HEADERS = {
  'Content-Security-Policy':
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
  'X-Frame-Options': 'SAMEORIGIN',
  'Referrer-Policy': 'no-referrer',
  'X-DNS-Prefetch-Control': 'off',
};

/** A `link` may open connections that no policy forbids (`preconnect`): in a mail it is another element, which does nothing. */
const withoutLinks = (html: string): string => html.replace(/<(\/?)link(?![\w-])/gi, '<$1x-link');

/** @param html of a mail: hostile */
export const inFrame = (html: string): Download => ({
  type: 'text/html; charset=utf-8',
  body: withoutLinks(html),
  headers: HEADERS,
});

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0) ?? 32};`);

/** A text in a frame, as it is. */
export const textInFrame = (text: string): Download =>
  inFrame(
    `<!doctype html><meta charset="utf-8"><title>.</title><pre style="white-space:pre-wrap;overflow-wrap:anywhere">${escaped(text)}</pre>`,
  );

/** What it says in a frame; the words of what went wrong where it cannot be said. */
export const contentInFrame = (content: Pick<Content, 'html' | 'text'> | Problem): Download =>
  content instanceof Problem
    ? textInFrame(content.message)
    : content.html === undefined
      ? textInFrame(content.text ?? '')
      : inFrame(content.html);
