// The text part of an email that has only html.
import { compile } from 'html-to-text';

/** Characters of html and of text; nobody reads more as plain text. Its cost grows with the html: about a second here. */
const MOST = 1_024 * 1_024;

// Links keep their target, pictures are left out, tables read row by row.
const convert = compile({
  wordwrap: 78,
  limits: { maxInputLength: MOST },
  selectors: [
    { selector: 'img', format: 'skip' },
    { selector: 'a', options: { hideLinkHrefIfSameAsText: true } },
    { selector: 'h1', options: { uppercase: false } },
    { selector: 'h2', options: { uppercase: false } },
    { selector: 'h3', options: { uppercase: false } },
  ],
});

/**
 * A text part is a courtesy: html that none can be made of goes without one, and is sent all the same.
 * @returns plain text that says what the html says; empty where the html is larger than `MOST` or nested thousands deep
 */
export const textFromHtml = (html: string): string => {
  if (html.length > MOST) return '';
  try {
    const text = convert(html);
    return text.length > MOST ? '' : text;
  } catch (error) {
    // html-to-text calls itself for each level of elements.
    if (error instanceof RangeError) return '';
    throw error;
  }
};
