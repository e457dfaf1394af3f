// The text part of an email that has only html.
import { compile } from 'html-to-text';

// Links keep their target, pictures are left out, tables read row by row (libraries.md 1.2).
const convert = compile({
  wordwrap: 78,
  limits: { maxInputLength: 5_000_000 },
  selectors: [
    { selector: 'img', format: 'skip' },
    { selector: 'a', options: { hideLinkHrefIfSameAsText: true } },
    { selector: 'h1', options: { uppercase: false } },
    { selector: 'h2', options: { uppercase: false } },
    { selector: 'h3', options: { uppercase: false } },
  ],
});

/** @returns plain text that says what the html says */
export const textFromHtml = (html: string): string => convert(html);
