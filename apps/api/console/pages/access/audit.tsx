// The audit: who did what, when, before and after; found by person, by what it is about and by time, and taken along.
import type { z } from 'zod';
import type { AuditPage } from '../../../answers/installation';
import { Refusal, TextField } from '../../kit/form';
import { Empty, Pager } from '../../kit/parts';
import { ExactTime, Time } from '../../kit/time';
import { Problem } from '../../../../../libs/mail/input/problem';
import type { Page, View, Visit } from '../../page/page';
import { audited } from './audited';
import { AUDIT_FILTERS, auditQuery, exportAudit } from './audit-export';

type Entry = z.infer<typeof AuditPage>['entries'][number];

/** A value as people read it. */
const shown = (value: unknown): string =>
  value === null || value === undefined ? '–' : typeof value === 'string' ? value : JSON.stringify(value);

const Fields = ({ visit: { say }, fields }: { visit: Visit; fields: NonNullable<Entry['fields']> }) => {
  const all = Object.entries(fields);
  if (all.length === 0) return null;
  return (
    <details>
      <summary>{say('audit.fields', { n: all.length })}</summary>
      <dl class="pairs">
        {all.map(([name, { before, after }]) => (
          <>
            <dt>{name}</dt>
            <dd class="diff">
              <del>
                <span class="unseen">{say('audit.before')}</span>
                {shown(before)}
              </del>{' '}
              <span aria-hidden="true">→</span>{' '}
              <ins>
                <span class="unseen">{say('audit.after')}</span>
                {shown(after)}
              </ins>
            </dd>
          </>
        ))}
      </dl>
    </details>
  );
};

const Row = ({ visit, entry }: { visit: Visit; entry: Entry }) => {
  const { say } = visit;
  const { at, by, what, tenant, application, target, reason, fields } = entry;
  return (
    <tr>
      <td data-label={say('audit.at')}>
        <Time visit={visit} at={at} />
        <br />
        <span class="hint">
          <ExactTime visit={visit} at={at} />
        </span>
      </td>
      <td data-label={say('audit.by')}>{by}</td>
      <td data-label={say('audit.what')}>
        {audited(say, what)}
        {target !== undefined && (
          <>
            {' '}
            <code>{target}</code>
          </>
        )}
        {reason !== undefined && <q class="said">{reason}</q>}
        {fields !== undefined && <Fields visit={visit} fields={fields} />}
      </td>
      <td data-label={say('audit.where')}>{[tenant, application].filter(Boolean).join(' / ') || '–'}</td>
    </tr>
  );
};

const List = ({ visit, entries }: { visit: Visit; entries: Entry[] }) => {
  const { say } = visit;
  return (
    <div class="scroll">
      <table class="cards" aria-label={say('nav.audit')}>
        <thead>
          <tr>
            <th scope="col">{say('audit.at')}</th>
            <th scope="col">{say('audit.by')}</th>
            <th scope="col">{say('audit.what')}</th>
            <th scope="col">{say('audit.where')}</th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <Row visit={visit} entry={entry} />
          ))}
        </tbody>
      </table>
    </div>
  );
};

/** As the form of a search has it: what stands in the address. */
const asForm = (visit: Visit, problem: Problem | undefined): Visit => {
  const value = (name: string) => visit.query[name];
  const form = {
    get: value,
    raw: value,
    all: () => [],
    has: (name: string) => value(name) !== undefined,
    isSent: false,
  };
  return { ...visit, form, ...(problem && { problem }) };
};

const Search = ({ visit }: { visit: Visit }) => {
  const { say, identity } = visit;
  const wide = identity.tenant === undefined;
  return (
    <form method="get" class="card form" role="search" aria-label={say('audit.search')}>
      <div class="two">
        <TextField visit={visit} name="by" label={say('audit.by')} hint={say('audit.byHint')} />
        <TextField visit={visit} name="about" label={say('audit.about')} hint={say('audit.aboutHint')} />
        {wide && <TextField visit={visit} name="tenant" label={say('key.tenant')} />}
        <TextField visit={visit} name="since" label={say('audit.since')} hint={say('audit.timeHint')} />
        <TextField visit={visit} name="until" label={say('audit.until')} hint={say('audit.timeHint')} />
      </div>
      <div class="actions">
        <button type="submit" class="primary">
          {say('audit.find')}
        </button>
        <button type="submit" name="as" value="csv">
          CSV
        </button>
        <button type="submit" name="as" value="jsonl">
          JSON Lines
        </button>
      </div>
    </form>
  );
};

const readPage = async (visit: Visit) => {
  try {
    return await visit.ask<z.infer<typeof AuditPage>>('readAudit', {
      query: { ...auditQuery(visit), cursor: visit.query['cursor'] },
    });
  } catch (error) {
    if (error instanceof Problem && error.code === 'invalid') return error;
    throw error;
  }
};

const show = async (visit: Visit): Promise<View> => {
  const { say, query } = visit;
  const page = await readPage(visit);
  const problem = page instanceof Problem ? page : undefined;
  const isFiltered = AUDIT_FILTERS.some((name) => query[name]);
  return {
    title: say('nav.audit'),
    ...(problem && { status: 422 }),
    body: (
      <>
        <h1>{say('audit.title')}</h1>
        {problem && <Refusal title={say('audit.notFound')} text={problem.message} />}
        <Search visit={asForm(visit, problem)} />
        {!(page instanceof Problem) && (
          <>
            {page.entries.length === 0 ? (
              <Empty>{say(isFiltered ? 'audit.nothing' : 'audit.none')}</Empty>
            ) : (
              <List visit={visit} entries={page.entries} />
            )}
            <Pager visit={visit} next={page.nextCursor} />
          </>
        )}
      </>
    ),
  };
};

export const AUDIT_PAGES: readonly Page[] = [
  {
    path: '/audit',
    get: (visit) => {
      const as = visit.query['as'];
      return as === 'csv' || as === 'jsonl' ? exportAudit(visit, as) : show(visit);
    },
  },
];
