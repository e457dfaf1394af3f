// A mail in a frame: an answer of its own with a policy of its own, in which nothing runs and nothing is loaded.
import type { Download } from '../page/page';

/** CSP Level 3; only pages of this site hold the frame. */
const HEADERS = {
  'Content-Security-Policy':
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
  'X-Frame-Options': 'SAMEORIGIN',
  'Referrer-Policy': 'no-referrer',
  // A sandbox has an origin of its own already: asking for one again is refused, with a warning (HTML, "origin-keyed agent clusters").
  'Origin-Agent-Cluster': '?0',
};

/** A `link` may open connections that no policy forbids (`preconnect`): in the frame it is another element, which does nothing. */
const withoutLinks = (html: string): string => html.replace(/<link(?![\w-])/gi, '<x-link');

/** @param html of a mail: hostile */
export const inFrame = (html: string): Download => ({
  type: 'text/html; charset=utf-8',
  body: withoutLinks(html),
  headers: HEADERS,
});

export const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

/** @param body HTML of ours, in which what comes from elsewhere is escaped */
export const pageInFrame = (body: string, language: string): Download =>
  inFrame(
    `<!doctype html><html lang="${language}"><meta charset="utf-8"><title>Rohrpost</title><body style="font:14px system-ui;margin:16px">${body}`,
  );

/** The html of a mail as it is, or its text. */
export const mailInFrame = (
  mail: { html?: string | undefined; text?: string | undefined },
  language: string,
): Download =>
  mail.html === undefined
    ? pageInFrame(`<pre style="white-space:pre-wrap;font:14px monospace">${escaped(mail.text ?? '')}</pre>`, language)
    : inFrame(mail.html);
