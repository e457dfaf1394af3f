// A cell of CSV (RFC 4180) that a spreadsheet takes for text.

/**
 * What begins like a formula gets an apostrophe before it (OWASP, CSV injection); quotes also around what some spreadsheets take for
 * the end of a cell.
 */
export const csvCell = (value: string | undefined): string => {
  const text = value ?? '';
  const harmless = /^\s*[=+\-@]|^[\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",;\t\r\n]/.test(harmless) ? `"${harmless.replace(/"/g, '""')}"` : harmless;
};
