// How far an operation on many emails is: it may be left, and found again on its queue.
import { Time } from '../../kit/time';
import type { Page, Visit } from '../../page/page';
import type { WordKey } from '../../words/all-words';
import { readOperations, sumOf, type Operation } from './operation-list';
import { Examples, Figures, NotedList, Watched } from './parts';

const ACTION_WORDS: Record<Operation['action'], WordKey> = {
  release: 'bulk.release',
  hold: 'bulk.hold',
  cancel: 'bulk.cancel',
  'send-now': 'bulk.send-now',
  resend: 'bulk.resend',
  delete: 'bulk.delete',
  resolve: 'bulk.resolve',
};

/** Operations that one page shows. */
const MOST = 100;

/** One line of it: what, and whether it is done. */
export const OperationText = ({ visit, operation }: { visit: Visit; operation: Operation }) => {
  const { say } = visit;
  const { action, state, dryRun, reason } = operation;
  return (
    <>
      {say(ACTION_WORDS[action])}: <strong>{say(`operation.${state}`)}</strong>
      {dryRun && ` (${say('operation.dryRun')})`}
      {reason !== undefined && <span class="bad-text"> {reason}</span>}
    </>
  );
};

const Place = ({ tenant, application }: Operation) =>
  application === undefined ? (
    <a href={`/tenants/${encodeURIComponent(tenant)}`}>{tenant}</a>
  ) : (
    <a
      href={`/queues/${encodeURIComponent(tenant)}/${encodeURIComponent(application)}`}
    >{`${tenant}/${application}`}</a>
  );

const Progress = ({ visit, operations }: { visit: Visit; operations: Operation[] }) => {
  const { say } = visit;
  const sum = sumOf(operations);
  const of = Math.max(Number(visit.query['of']) || 0, sum.matched, 1);
  const done = sum.over ? of : sum.changed + sum.skipped + sum.failed;
  return (
    <Watched visit={visit} id="progress" over={sum.over}>
      {operations.map((operation) => (
        <p class="lead">
          <Place {...operation} /> · <OperationText visit={visit} operation={operation} /> ·{' '}
          <Time visit={visit} at={operation.createdAt} />
        </p>
      ))}
      <progress max={of} value={done} aria-label={say('operation.title')}>
        {`${done} / ${of}`}
      </progress>
      <Figures
        visit={visit}
        sum={sum}
        words={[say('operation.changed'), say('operation.skipped'), say('operation.refused')]}
      />
      {sum.examples.length > 0 && <Examples visit={visit} examples={sum.examples} />}
      <NotedList title={say('operation.errors')} noted={sum.errors} />
      <NotedList title={say('operation.skips')} noted={sum.skips} />
    </Watched>
  );
};

/** Which transport was tried, where it is that kind of operation. */
interface Tried {
  action: string;
  tenant: string;
  transport?: string;
}

const operation: Page = {
  path: '/operations/:id',
  async get(visit) {
    const { say } = visit;
    const ids = (visit.params['id'] ?? '').split(',').slice(0, MOST);
    const operations = await readOperations(visit, ids);
    const [first] = operations as (Operation | Tried)[];
    if (first !== undefined && 'transport' in first)
      return {
        redirect: `/tenants/${encodeURIComponent(first.tenant)}/transports/${encodeURIComponent(first.transport ?? '')}`,
      };
    return {
      title: say('operation.title'),
      body: (
        <>
          <h1>{say('operation.title')}</h1>
          <Progress visit={visit} operations={operations} />
        </>
      ),
    };
  },
};

export const OPERATION_PAGES: readonly Page[] = [operation];
