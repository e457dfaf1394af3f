// Style sheets written to the elements that they are about.
import { inline } from '@css-inline/css-inline';

/** Rules that no element can carry (media queries: phones, dark mode) stay in a style sheet. Nothing is fetched. */
export const withInlineCss = (html: string): string =>
  inline(html, { loadRemoteStylesheets: false, keepAtRules: true });
