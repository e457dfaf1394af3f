// One queue: how it stands, its pause, and its emails by state and filter.
import { Problem } from '../../../../../libs/mail/input/problem';
import { STATES } from '../../../../../libs/mail/email/state';
import { ActionButton, FormRefusal, TextField } from '../../kit/form';
import { count, Empty, Live } from '../../kit/parts';
import { Time } from '../../kit/time';
import type { Page, Redirect, Visit } from '../../page/page';
import { readQuery, withStates } from '../../query/read-query';
import type { Operation } from '../bulk/operation-list';
import { OperationText } from '../bulk/operation';
import { askList, BulkForm, EmailTable, ListEnd, listBegan, ListRefusal, type EmailList } from './email-list';
import { QueryBox } from './query-box';
import { QueueStanding, type Queue } from './standing';

const LIMIT = 50;
const MOST_OPERATIONS = 5;

const pathOf = ({ params }: Visit): string =>
  `/queues/${encodeURIComponent(params['tenant'] ?? '')}/${encodeURIComponent(params['application'] ?? '')}`;

const mayAct = ({ identity }: Visit): boolean => identity.role === 'operator' || identity.role === 'admin';

const Tabs = ({
  visit,
  queue,
  text,
  state,
}: {
  visit: Visit;
  queue: Queue;
  text: string;
  state: string | undefined;
}) => {
  const { say } = visit;
  const to = (states: string | undefined): string => {
    const q = withStates(text, states);
    return q === '' ? pathOf(visit) : `${pathOf(visit)}?q=${encodeURIComponent(q)}`;
  };
  return (
    <nav class="tabs" aria-label={say('queue.states')}>
      <a href={to(undefined)} {...(state === undefined && { 'aria-current': 'page' })}>
        {say('queue.all')}
      </a>
      {STATES.filter((one) => (queue.counts[one] ?? 0) > 0 || one === state || one === 'failed' || one === 'sent').map(
        (one) => (
          <a href={to(one)} {...(state === one && { 'aria-current': 'page' })}>
            {say(`state.${one}`)} <b class="tally">{count(visit, queue.counts[one] ?? 0)}</b>
          </a>
        ),
      )}
    </nav>
  );
};

const PauseForm = ({ visit, queue }: { visit: Visit; queue: Queue }) => {
  const { say } = visit;
  if (!mayAct(visit)) return null;
  const name = `${queue.tenant}/${queue.application}`;
  if (queue.paused) return <ActionButton action={visit.path} does="resume" text={say('queue.resume')} kind="primary" />;
  return (
    <details class="card pause" open={visit.form.get('do') === 'pause'}>
      <summary>{say('queue.pauseTitle')}</summary>
      <form method="post" action={visit.path} class="form folded">
        <p>{say('queue.pauseText', { queue: name })}</p>
        <TextField visit={visit} name="reason" label={say('queue.pauseReason')} optional more={{ maxlength: 500 }} />
        <div class="actions">
          <button type="submit" name="do" value="pause">
            {say('queue.pause')}
          </button>
        </div>
      </form>
    </details>
  );
};

const Operations = ({ visit, operations }: { visit: Visit; operations: Operation[] }) =>
  operations.length === 0 ? null : (
    <section class="card">
      <h2>{visit.say('queue.operations')}</h2>
      <ul class="plain">
        {operations.map((operation) => (
          <li>
            <a href={`/operations/${encodeURIComponent(operation.id)}`}>
              <OperationText visit={visit} operation={operation} />
            </a>{' '}
            · {visit.say('emails.count', { n: operation.matched })} · <Time visit={visit} at={operation.createdAt} />
          </li>
        ))}
      </ul>
    </section>
  );

/** What was done here lately, also by operations over all of the tenant. */
const operationsOf = async (visit: Visit): Promise<Operation[]> => {
  const { params, identity } = visit;
  const id = identity.application === undefined ? 'listTenantOperations' : 'listQueueOperations';
  const { operations } = await visit.ask<{ operations: Operation[] }>(id, { params });
  const here = operations.filter(({ application }) => (application ?? params['application']) === params['application']);
  return here.filter(({ dryRun }) => !dryRun).slice(0, MOST_OPERATIONS);
};

const Emails = ({
  visit,
  list,
  text,
  state,
}: {
  visit: Visit;
  list: EmailList;
  text: string;
  state: string | undefined;
}) => {
  const at = `${visit.params['tenant'] ?? ''}/${visit.params['application'] ?? ''}`;
  const table = <EmailTable visit={visit} emails={list.emails} choose={mayAct(visit)} many={false} />;
  return (
    <>
      {list.emails.length === 0 && list.nextCursor === null && (
        <Empty>{visit.say(text === '' ? 'list.emptyQueue' : 'list.emptyFilter')}</Empty>
      )}
      {list.emails.length > 0 && mayAct(visit) && (
        <BulkForm visit={visit} at={at} q={text} state={state}>
          {table}
        </BulkForm>
      )}
      {list.emails.length > 0 && !mayAct(visit) && table}
      <ListEnd visit={visit} list={list} limit={LIMIT} />
    </>
  );
};

const Head = ({ visit, queue }: { visit: Visit; queue: Queue }) => (
  <>
    <p class="crumbs">
      <a href="/queues">{visit.say('queues.title')}</a> ·{' '}
      <a href={`/tenants/${encodeURIComponent(queue.tenant)}`}>{queue.tenant}</a>
    </p>
    <h1>{`${queue.tenant}/${queue.application}`}</h1>
    <FormRefusal visit={visit} />
    <Live visit={visit} id="standing">
      <QueueStanding visit={visit} queue={queue} />
    </Live>
    <p class="actions">
      <a href={`${pathOf(visit)}/settings`} class="button small">
        {visit.say('queue.settings')}
      </a>
      <a
        href={`/incidents?tenant=${encodeURIComponent(queue.tenant)}&application=${encodeURIComponent(queue.application)}`}
        class="button small"
      >
        {visit.say('queue.incidents')}
      </a>
    </p>
    <PauseForm visit={visit} queue={queue} />
  </>
);

const queue: Page = {
  path: '/queues/:tenant/:application',
  async get(visit) {
    const { say, params } = visit;
    const text = (visit.query['q'] ?? '').trim();
    const query = readQuery(text, listBegan(visit));
    const given = { ...query.filter, limit: String(LIMIT), cursor: visit.query['cursor'] };
    const [found, operations, list] = await Promise.all([
      visit.ask<Queue>('getQueue', { params }),
      operationsOf(visit),
      query.faults.length > 0 ? undefined : askList(() => visit.ask<EmailList>('listEmails', { params, query: given })),
    ]);
    const state = query.filter['state'];
    return {
      title: `${found.tenant}/${found.application}`,
      body: (
        <>
          <Head visit={visit} queue={found} />
          <QueryBox visit={visit} query={query} text={text} label={say('queue.search')} submit={say('queue.find')} />
          <Tabs visit={visit} queue={found} text={text} state={state} />
          {list instanceof Problem && <ListRefusal visit={visit} problem={list} />}
          {list !== undefined && !(list instanceof Problem) && (
            <Emails visit={visit} list={list} text={text} state={state} />
          )}
          <Operations visit={visit} operations={operations} />
        </>
      ),
    };
  },
  async post(visit): Promise<Redirect> {
    const { form, params } = visit;
    const queue = `${params['tenant'] ?? ''}/${params['application'] ?? ''}`;
    const reason = form.get('reason');
    const body = reason ? { reason } : {};
    const isPause = form.get('do') === 'pause';
    await visit.ask(isPause ? 'pauseQueue' : 'resumeQueue', { params, body });
    return { redirect: pathOf(visit), notice: isPause ? 'queue.didPause' : 'queue.didResume', values: { queue } };
  },
};

export const QUEUE_PAGES: readonly Page[] = [queue];
