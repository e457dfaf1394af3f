// The audit as a file: CSV for spreadsheets, JSON Lines for programs.
import type { z } from 'zod';
import type { AuditPage } from '../../../answers/installation';
import type { Download, Visit } from '../../page/page';

type Entry = z.infer<typeof AuditPage>['entries'][number];

export const AUDIT_FILTERS = ['by', 'about', 'tenant', 'application', 'since', 'until'] as const;

/** What the reader looks for, as the API takes it. */
export const auditQuery = ({ query }: Pick<Visit, 'query'>): Record<string, string | undefined> =>
  Object.fromEntries(AUDIT_FILTERS.map((name) => [name, query[name]?.trim() || undefined]));

/** More than these are not taken along at once: narrow the time. */
const MOST_ENTRIES = 20_000;
const PAGE = 200;

const readAll = async (visit: Visit): Promise<Entry[]> => {
  const entries: Entry[] = [];
  let cursor: string | undefined;
  while (entries.length < MOST_ENTRIES) {
    const query = { ...auditQuery(visit), limit: String(PAGE), cursor };
    const page = await visit.ask<z.infer<typeof AuditPage>>('readAudit', { query });
    entries.push(...page.entries);
    if (page.nextCursor === null) break;
    cursor = page.nextCursor;
  }
  return entries;
};

/**
 * A cell that a spreadsheet takes for text: what begins like a formula gets an apostrophe before it (OWASP, CSV injection);
 * quotes as in RFC 4180.
 */
export const csvCell = (value: string | undefined): string => {
  const text = value ?? '';
  const harmless = /^\s*[=+\-@]|^[\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replace(/"/g, '""')}"` : harmless;
};

const COLUMNS = ['at', 'by', 'what', 'tenant', 'application', 'target', 'reason', 'fields'] as const;

const row = (entry: Entry): string =>
  COLUMNS.map((name) => csvCell(name === 'fields' ? entry.fields && JSON.stringify(entry.fields) : entry[name])).join(
    ',',
  );

/** A byte order mark tells spreadsheets that it is UTF-8. */
const csvOf = (entries: Entry[]): string => `\uFEFF${[COLUMNS.join(','), ...entries.map(row)].join('\r\n')}\r\n`;

const linesOf = (entries: Entry[]): string => entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');

/** @throws Problem where the filter is not valid */
export const exportAudit = async (visit: Visit, as: 'csv' | 'jsonl'): Promise<Download> => {
  const entries = await readAll(visit);
  const day = new Date(visit.now).toISOString().slice(0, 10);
  return {
    type: as === 'csv' ? 'text/csv; charset=utf-8' : 'application/x-ndjson',
    body: as === 'csv' ? csvOf(entries) : linesOf(entries),
    headers: { 'Content-Disposition': `attachment; filename="audit-${day}.${as}"` },
  };
};
