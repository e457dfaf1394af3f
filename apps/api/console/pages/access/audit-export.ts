// The audit as a file: CSV for spreadsheets, JSON Lines for programs.
import { pipeline } from 'node:stream/promises';
import type { z } from 'zod';
import type { AuditPage } from '../../../answers/installation';
import { csvCell } from '../../../views/csv-cell';
import type { Download, Visit } from '../../page/page';

type Entry = z.infer<typeof AuditPage>['entries'][number];

export const AUDIT_FILTERS = ['by', 'about', 'tenant', 'application', 'since', 'until'] as const;

/** What the reader looks for, as the API takes it. */
export const auditQuery = ({ query }: Pick<Visit, 'query'>): Record<string, string | undefined> =>
  Object.fromEntries(AUDIT_FILTERS.map((name) => [name, query[name]?.trim() || undefined]));

/** Entries that are read at once. */
const PAGE = 200;

type EntryPage = z.infer<typeof AuditPage>;

const readPage = (visit: Visit, cursor?: string): Promise<EntryPage> =>
  visit.ask<EntryPage>('readAudit', { query: { ...auditQuery(visit), limit: String(PAGE), cursor } });

const COLUMNS = ['at', 'by', 'what', 'tenant', 'application', 'target', 'reason', 'fields'] as const;

const row = (entry: Entry): string =>
  COLUMNS.map((name) => csvCell(name === 'fields' ? entry.fields && JSON.stringify(entry.fields) : entry[name])).join(
    ',',
  );

const FORMATS = {
  // A byte order mark tells spreadsheets that it is UTF-8.
  csv: {
    type: 'text/csv; charset=utf-8',
    head: `\uFEFF${COLUMNS.join(',')}\r\n`,
    line: (entry: Entry) => `${row(entry)}\r\n`,
  },
  jsonl: { type: 'application/x-ndjson', head: '', line: (entry: Entry) => `${JSON.stringify(entry)}\n` },
};

/** The file, page by page: as much of it is in memory as the client has not read yet. */
const textOf = async function* (visit: Visit, first: EntryPage, as: keyof typeof FORMATS): AsyncGenerator<string> {
  const { head, line } = FORMATS[as];
  yield head;
  for (let page = first; ; page = await readPage(visit, page.nextCursor)) {
    yield page.entries.map(line).join('');
    if (page.nextCursor === null) return;
  }
};

/** All that the filter finds. @throws Problem where the filter is not valid */
export const exportAudit = async (visit: Visit, as: keyof typeof FORMATS): Promise<Download> => {
  const first = await readPage(visit);
  const day = new Date(visit.now).toISOString().slice(0, 10);
  return {
    type: FORMATS[as].type,
    body: (response) => pipeline(textOf(visit, first, as), response),
    headers: { 'Content-Disposition': `attachment; filename="audit-${day}.${as}"` },
  };
};
