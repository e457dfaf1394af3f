// Emails over all queues that the key reaches.
import { Problem } from '../../../../../libs/mail/input/problem';
import { Empty } from '../../kit/parts';
import type { Page, Visit } from '../../page/page';
import { readQuery, type Query } from '../../query/read-query';
import { emailPath } from '../bulk/parts';
import { askList, BulkForm, EmailTable, ListEnd, listBegan, ListRefusal, type EmailList } from './email-list';
import { QueryBox } from './query-box';

const LIMIT = 50;

/** Where a query looks: what the key reaches, unless it says a tenant or a queue. */
const placeOf = (
  { identity }: Visit,
  query: Query,
): { tenant?: string | undefined; application?: string | undefined } => ({
  tenant: query.tenant ?? identity.tenant,
  application: query.application ?? identity.application,
});

const ask = (visit: Visit, query: Query): Promise<EmailList> => {
  const { tenant, application } = placeOf(visit, query);
  const given = { query: { ...query.filter, limit: String(LIMIT), cursor: visit.query['cursor'] } };
  if (tenant === undefined) return visit.ask<EmailList>('listAllEmails', given);
  return application === undefined
    ? visit.ask<EmailList>('listTenantEmails', { ...given, params: { tenant } })
    : visit.ask<EmailList>('listEmails', { ...given, params: { tenant, application } });
};

const Found = ({ visit, query, text, list }: { visit: Visit; query: Query; text: string; list: EmailList }) => {
  const { say, identity } = visit;
  const { tenant, application } = placeOf(visit, query);
  const mayAct = identity.role === 'operator' || identity.role === 'admin';
  const at = tenant === undefined ? '' : application === undefined ? tenant : `${tenant}/${application}`;
  const table = <EmailTable visit={visit} emails={list.emails} choose={mayAct && at !== ''} many />;
  const isEmpty = list.emails.length === 0;
  return (
    <>
      {isEmpty && list.nextCursor === null && <Empty>{say('list.emptyFilter')}</Empty>}
      {!isEmpty && mayAct && at !== '' && (
        <BulkForm visit={visit} at={at} q={text} state={query.filter['state']}>
          {table}
        </BulkForm>
      )}
      {!isEmpty && !(mayAct && at !== '') && table}
      {!isEmpty && mayAct && at === '' && <p class="hint">{say('search.narrow')}</p>}
      <ListEnd visit={visit} list={list} limit={LIMIT} />
    </>
  );
};

const search: Page = {
  path: '/search',
  async get(visit) {
    const { say } = visit;
    const text = (visit.query['q'] ?? '').trim();
    const query = readQuery(text, listBegan(visit));
    const asks = text !== '' && query.faults.length === 0;
    const list = asks ? await askList(() => ask(visit, query)) : undefined;
    const named = query.filter['id'] ?? query.filter['messageId'];
    if (list !== undefined && !(list instanceof Problem) && named !== undefined && list.nextCursor === null) {
      const [only, ...others] = list.emails;
      if (only !== undefined && others.length === 0) return { redirect: emailPath(only) };
    }
    return {
      title: text === '' ? say('search.title') : `${text} · ${say('search.title')}`,
      body: (
        <>
          <h1>{say('search.title')}</h1>
          <p class="hint">{say('search.lead')}</p>
          <QueryBox visit={visit} query={query} text={text} label={say('search.title')} submit={say('search.submit')} />
          {list instanceof Problem && <ListRefusal visit={visit} problem={list} />}
          {list !== undefined && !(list instanceof Problem) && (
            <Found visit={visit} query={query} text={text} list={list} />
          )}
        </>
      ),
    };
  },
};

export const SEARCH_PAGES: readonly Page[] = [search];
