// The text part of an email that has only html.
import { compile } from 'html-to-text';

/** Characters of html and of text; nobody reads more as plain text. */
const MOST = 1_024 * 1_024;
/** Elements within each other; each adds to the work of all lines within it. Letters have some dozens. */
const DEEPEST = 100;
/** What html-to-text writes for what is deeper. Html has no such character, and browsers leave it out. */
const LEFT_OUT = '\0';
/** Up to so many characters it takes a quarter of a second at worst. */
const QUICK = 32 * 1_024;

// Links keep their target, pictures are left out, tables read row by row.
const convert = compile({
  wordwrap: 78,
  limits: { maxInputLength: MOST, maxDepth: DEEPEST, ellipsis: LEFT_OUT },
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
 * @returns plain text that says what the html says; empty where the html is larger than `MOST` or deeper than `DEEPEST`
 */
export const textFromHtml = (html: string): string => {
  if (html.length > MOST) return '';
  try {
    const text = convert(html.replaceAll(LEFT_OUT, ''));
    return text.length > MOST || text.includes(LEFT_OUT) ? '' : text;
  } catch (error) {
    // It calls itself for each level of elements, also for some that it leaves out.
    if (error instanceof RangeError) return '';
    throw error;
  }
};

/** The same where it is quick whatever the html is like; else undefined: it needs a job of its own. */
export const quickTextFromHtml = (html: string): string | undefined =>
  html.length > QUICK ? undefined : textFromHtml(html);
