// The suppression list of a tenant as a whole: page by page, taken in, and given out.
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { existingTenant } from '../../../../libs/administration/existing';
import { ADDRESS_LIST_TYPES, readAddressList } from '../../../../libs/intake/address-list';
import { MOST_ERRORS } from '../../../../libs/mail/input/problem';
import type { Suppression } from '../../../../libs/mail/suppressions/suppression';
import { createPauses } from '../../../../libs/runtime/pauses';
import type { SuppressedAddress } from '../../../../libs/store/suppressions/registry';
import { SuppressionImport, SuppressionPage } from '../../answers/suppressions';
import { bytes } from '../../http/endpoint/body';
import { endpoint } from '../../http/endpoint/endpoint';
import { limitedBody } from '../../http/endpoint/limited-body';
import { openCursor, PageQuery, sealCursor } from '../../http/page';
import type { RouteDeps } from '../../http/route-deps';
import { csvCell } from '../../views/csv-cell';
import { MAY_CHANGE, MAY_READ, SUPPRESSIONS } from './suppressions';

type Store = Pick<RouteDeps, 'suppressions'>;

/** Entries that Redis is given, or asked for, at once: a few milliseconds while nobody else is served. */
const AT_ONCE = 500;

const ListQuery = PageQuery.extend({
  prefix: z
    .string()
    .max(1_000)
    .default('')
    .meta({ description: 'Only addresses that begin so; letters of either case.' }),
});

const listSuppressions = endpoint({
  method: 'get',
  path: SUPPRESSIONS,
  id: 'listSuppressions',
  tag: 'Suppressions',
  summary: 'The suppressed addresses of a tenant, by name',
  description: 'In the form in which they are compared: in lower case, domains in ASCII.',
  may: MAY_READ,
  query: ListQuery,
  answers: { 200: { description: 'One page.', schema: SuppressionPage } },
  problems: ['bad-cursor'],
  async handle({ suppressions }: Store, { tenant, query: { limit, cursor, prefix } }) {
    const list = `suppressions ${tenant}`;
    const after = cursor === undefined ? {} : { after: openCursor(list, cursor) };
    const found = await suppressions.list(tenant, {
      prefix: prefix.toLowerCase().normalize('NFC'),
      ...after,
      limit: limit + 1,
    });
    const page = found.slice(0, limit);
    const last = page.at(-1);
    const nextCursor = found.length > limit && last !== undefined ? sealCursor(list, last.address) : null;
    return { body: { suppressions: page, nextCursor } };
  },
});

type ImportDeps = Store & Pick<RouteDeps, 'config' | 'tenants' | 'budget' | 'audit' | 'clock'>;

const importSuppressions = endpoint({
  method: 'post',
  path: `${SUPPRESSIONS}/import`,
  id: 'importSuppressions',
  tag: 'Suppressions',
  summary: 'Suppress many addresses',
  description:
    'CSV with a column `address` (or the first one) and a column `reason`; or one JSON text or object `{address, reason}` a line; or a JSON array of these. What is on the list already stays as it is, so a repetition does no harm. What cannot be read is told and left out. Where there is no room for all, the answer is 507 and those before are in.',
  may: MAY_CHANGE,
  body: { ...bytes(), types: ADDRESS_LIST_TYPES },
  grows: 'sometimes',
  answers: { 200: { description: 'What came of it.', schema: SuppressionImport } },
  problems: ['invalid', 'malformed-json', 'not-utf-8', 'unsupported-media-type'],
  async handle(deps: ImportDeps, { tenant, by, request }) {
    await existingTenant(deps, tenant);
    const entries = readAddressList(request.headers['content-type'], limitedBody(request, deps.config.maxBody));
    const at = new Date(deps.clock.now()).toISOString();
    const told = { added: 0, present: 0, invalid: 0, errors: [] as { line: number; message: string }[] };
    let waiting: { address: string; suppression: Suppression }[] = [];
    const put = async (): Promise<void> => {
      // Asked for anew each time: there may be less room by then.
      const bound = await deps.budget.bound(tenant, 'maxSuppressions');
      const { added, isFull } = await deps.suppressions.addMissing(tenant, waiting, bound);
      told.added += added;
      if (isFull) throw bound.refuse();
      told.present += waiting.length - added;
      waiting = [];
    };
    const pauses = createPauses();
    try {
      for await (const entry of entries) {
        await pauses.pause();
        if ('fault' in entry) {
          if (told.invalid++ < MOST_ERRORS) told.errors.push({ line: entry.line, message: entry.fault });
          continue;
        }
        const { address, reason } = entry;
        waiting.push({ address, suppression: { ...(reason !== undefined && { reason }), source: 'manual', at, by } });
        if (waiting.length === AT_ONCE) await put();
      }
      if (waiting.length > 0) await put();
    } finally {
      const { added } = told;
      if (added > 0) await deps.audit.record({ by, what: `suppressions imported: ${added} new`, tenant });
    }
    return { body: told };
  },
});

const COLUMNS = ['address', 'reason', 'source', 'at', 'by'] as const;

const linesOf = (cells: readonly (readonly (string | undefined)[])[]): string =>
  cells.map((line) => `${line.map(csvCell).join(',')}\r\n`).join('');

/** As much of it is in memory as the client has not read yet. */
async function* csvOf({ suppressions }: Store, tenant: string): AsyncGenerator<string> {
  yield linesOf([COLUMNS]);
  for (let after: SuppressedAddress | undefined; ;) {
    const asked = { prefix: '', ...(after && { after: after.address }), limit: AT_ONCE };
    const page = await suppressions.list(tenant, asked);
    after = page.at(-1);
    if (after === undefined) return;
    yield linesOf(page.map((one) => COLUMNS.map((name) => one[name])));
  }
}

const exportSuppressions = endpoint({
  method: 'get',
  path: `${SUPPRESSIONS}/export`,
  id: 'exportSuppressions',
  tag: 'Suppressions',
  summary: 'The suppression list as CSV',
  description: 'All of it, by name, in the columns address, reason, source, at and by. An import takes it back.',
  may: MAY_READ,
  answers: { 200: { description: 'The list.', type: 'text/csv', headers: ['Content-Disposition'] } },
  async handle(deps: Store, { tenant }) {
    return Promise.resolve({
      headers: { 'Content-Disposition': `attachment; filename="suppressions-${tenant}.csv"` },
      async write(response) {
        response.setHeader('Content-Type', 'text/csv; charset=utf-8');
        await pipeline(csvOf(deps, tenant), response);
      },
    });
  },
});

/** Before `{address}`, which would take their names. */
export const SUPPRESSION_LIST_ENDPOINTS = [listSuppressions, importSuppressions, exportSuppressions];
