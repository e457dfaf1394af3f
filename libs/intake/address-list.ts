// Reads a list of addresses as clients have them: CSV, a JSON object or text a line, or one JSON array.
import type { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { linesOf } from '../mail/json/json-lines';
import { readJson } from '../mail/json/json-text';
import { Problem } from '../mail/input/problem';
import { SuppressionInput, suppressionFault } from '../mail/suppressions/suppression';

export const ADDRESS_LIST_TYPES = ['text/csv', 'application/x-ndjson', 'application/json'] as const;

/** One entry of a list; `fault` says what is wrong with it. */
export type ListedAddress = { line: number } & ({ address: string; reason?: string } | { fault: string });

/** Bytes of one line: an address and its reason have less. */
const LONGEST_LINE = 16 * 1024;

/** What exports put before a cell that a spreadsheet would take for a formula. */
const unescaped = (cell: string): string => (/^'\s*[=+\-@]/.test(cell) ? cell.slice(1) : cell);

const entryOf = (line: number, address: unknown, reason: unknown): ListedAddress => {
  if (typeof address !== 'string') return { line, fault: 'must be an address, or an object with address and reason' };
  const trimmed = address.trim();
  const fault = suppressionFault(trimmed);
  if (fault !== undefined) return { line, fault };
  const given = reason === undefined || reason === null || reason === '' ? {} : { reason };
  const { data, error } = SuppressionInput.safeParse(given);
  if (data === undefined) return { line, fault: `has a reason that ${error.issues[0]?.message ?? 'cannot be kept'}` };
  return { line, address: trimmed, ...(data.reason !== undefined && { reason: data.reason }) };
};

const entryOfValue = (line: number, value: unknown): ListedAddress => {
  if (typeof value !== 'object' || value === null) return entryOf(line, value, undefined);
  const { address, reason } = value as Record<string, unknown>;
  return entryOf(line, address, reason);
};

const malformed = (message: string): Problem => new Problem('invalid', `the list cannot be read: ${message}`);

/** A row, and the line that it ended in. */
interface CsvRow {
  record: string[];
  info: { lines: number };
}

/** Columns by the names of the first row, or address and reason where it has none. */
async function* fromCsv(bytes: Readable): AsyncGenerator<ListedAddress> {
  const options = { bom: true, delimiter: [',', ';', '\t'], relax_column_count: true, skip_empty_lines: true };
  const rows = parse({ ...options, trim: true, max_record_size: LONGEST_LINE, info: true });
  bytes.once('error', (error) => rows.destroy(error));
  let columns: { address: number; reason: number } | undefined;
  try {
    for await (const { record: row, info } of bytes.pipe(rows) as AsyncIterable<CsvRow>) {
      const names = row.map((cell) => cell.toLowerCase());
      const isHead = columns === undefined && names.some((name) => name === 'address' || name === 'email');
      columns ??= isHead
        ? {
            address: names.findIndex((name) => name === 'address' || name === 'email'),
            reason: names.indexOf('reason'),
          }
        : { address: 0, reason: 1 };
      if (isHead) continue;
      const [address = '', reason] = [row[columns.address], row[columns.reason]];
      yield entryOf(info.lines, unescaped(address), reason && unescaped(reason));
    }
  } catch (error) {
    throw error instanceof CsvError ? malformed(error.message) : error;
  }
}

async function* fromLines(bytes: Readable): AsyncGenerator<ListedAddress> {
  for await (const lines of linesOf(bytes as AsyncIterable<Buffer>, LONGEST_LINE, () => undefined)) {
    for (const { number: line, bytes: text } of lines) {
      if (text === undefined) {
        yield { line, fault: `is longer than ${LONGEST_LINE} bytes` };
        continue;
      }
      try {
        yield entryOfValue(line, await readJson(text, 'the line'));
      } catch {
        yield { line, fault: 'is no JSON: write one object or one address in quotes a line' };
      }
    }
  }
}

async function* fromArray(bytes: Readable): AsyncGenerator<ListedAddress> {
  const chunks: Buffer[] = [];
  for await (const chunk of bytes as AsyncIterable<Buffer>) chunks.push(chunk);
  const list = await readJson(Buffer.concat(chunks), 'the body');
  if (!Array.isArray(list)) throw malformed('it must be an array of addresses');
  for (const [index, value] of list.entries()) yield entryOfValue(index + 1, value);
}

/**
 * The entries in their order, each with the number of its line or its place in the array, from 1.
 * @param type the Content-Type
 * @param bytes UTF-8; what fails there is thrown
 * @throws Problem `unsupported-media-type`; `invalid`, `malformed-json`, `not-utf-8` where the list as a whole cannot be read
 */
export const readAddressList = (type: string | undefined, bytes: Readable): AsyncGenerator<ListedAddress> => {
  const [name = ''] = (type ?? '').toLowerCase().split(';');
  switch (name.trim()) {
    case 'text/csv':
      return fromCsv(bytes);
    case 'application/x-ndjson':
      return fromLines(bytes);
    case 'application/json':
      return fromArray(bytes);
    default:
      throw new Problem(
        'unsupported-media-type',
        `the list must be one of ${ADDRESS_LIST_TYPES.join(', ')}: say which in the header Content-Type`,
      );
  }
};
