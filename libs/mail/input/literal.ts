// A text as a part of a regular expression that matches just that text.

/** Fit for expressions with and without the flag `u`, outside of brackets: there a dash means itself, and may not be escaped with `u`. */
export const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
