// All queues that the key reaches: tenants and their applications, what they hold, and what holds them up.
import { STATES } from '../../../../../libs/mail/email/state';
import { count, Empty, Live, urlWith } from '../../kit/parts';
import { Time } from '../../kit/time';
import type { Page, Visit } from '../../page/page';
import { chosen, nameOf, ONLY, select, SORT, tally } from './queue-order';
import { Standing, type Queue } from './standing';

const PAGE = 50;
/** The API gives so many at once; all are read before they can be put in another order than that of their names. */
const AT_ONCE = 200;
const MOST_READ = 10_000;

interface QueuePage {
  queues: Queue[];
  nextCursor: string | null;
}

const readPage = (
  visit: Visit,
  tenant: string | undefined,
  cursor: string | undefined,
  limit: number,
): Promise<QueuePage> => {
  const query = { limit: String(limit), cursor };
  return tenant === undefined
    ? visit.ask<QueuePage>('listQueues', { query })
    : visit.ask<QueuePage>('listTenantQueues', { params: { tenant }, query });
};

const readAll = async (visit: Visit): Promise<{ queues: Queue[]; isCut: boolean }> => {
  const queues: Queue[] = [];
  let cursor: string | null | undefined;
  do {
    const page = await readPage(visit, visit.query['tenant'], cursor ?? undefined, AT_ONCE);
    queues.push(...page.queues);
    cursor = page.nextCursor;
  } while (cursor !== null && queues.length < MOST_READ);
  return { queues, isCut: cursor !== null };
};

const Filters = ({ visit }: { visit: Visit }) => {
  const { say, query } = visit;
  const Choice = ({ name, all }: { name: 'only' | 'sort'; all: Record<string, unknown> }) => (
    <select id={name} name={name}>
      {Object.keys(all).map((one) => (
        <option value={one} selected={one === query[name]}>
          {say(`queues.${name}.${one}` as 'queues.only.all')}
        </option>
      ))}
    </select>
  );
  return (
    <form action="/queues" class="filters">
      {query['tenant'] !== undefined && <input type="hidden" name="tenant" value={query['tenant']} />}
      <div class="field">
        <label for="name">{say('queues.filter')}</label>
        <input id="name" name="name" type="search" value={query['name'] ?? ''} placeholder={say('queues.filterHint')} />
      </div>
      <div class="field">
        <label for="only">{say('queues.only')}</label>
        <Choice name="only" all={ONLY} />
      </div>
      <div class="field">
        <label for="sort">{say('queues.sort')}</label>
        <Choice name="sort" all={SORT} />
      </div>
      <button type="submit">{say('queues.apply')}</button>
    </form>
  );
};

/** The states that a queue has emails in, each leading to its list. */
const Counts = ({ visit, queue, path }: { visit: Visit; queue: Queue; path: string }) => (
  <span class="counts">
    {STATES.filter((state) => tally(queue, state) > 0).map((state) => (
      <a href={`${path}?q=state%3A${state}`} class={`state state-${state}`}>
        {visit.say(`state.${state}`)} {count(visit, tally(queue, state))}
      </a>
    ))}
  </span>
);

const Row = ({ visit, queue }: { visit: Visit; queue: Queue }) => {
  const { say } = visit;
  const path = `/queues/${encodeURIComponent(queue.tenant)}/${encodeURIComponent(queue.application)}`;
  return (
    <tr>
      <td data-label={say('queues.application')}>
        <a href={path} class="strong">
          {nameOf(queue)}
        </a>
      </td>
      <td data-label={say('queues.standing')}>
        <Standing visit={visit} queue={queue} />
      </td>
      <td data-label={say('incidents.emails')}>
        <Counts visit={visit} queue={queue} path={path} />
      </td>
      <td data-label={say('queues.oldest')} class="time">
        {queue.oldestDueAt === undefined ? '–' : <Time visit={visit} at={queue.oldestDueAt} />}
      </td>
      <td data-label={say('queues.rate')}>
        {queue.rate === undefined ? '–' : say('queues.rateValue', { max: queue.rate.max, per: queue.rate.per })}
      </td>
    </tr>
  );
};

/** Rows under their tenant, where they stand by name. */
const Table = ({ visit, queues }: { visit: Visit; queues: Queue[] }) => {
  const { say } = visit;
  const byName = chosen(SORT, visit.query['sort']) === 'name';
  return (
    <div class="scroll">
      <table class="cards" aria-label={say('queues.title')}>
        <thead>
          <tr>
            <th scope="col">{say('queues.application')}</th>
            <th scope="col">{say('queues.standing')}</th>
            <th scope="col">{say('incidents.emails')}</th>
            <th scope="col">{say('queues.oldest')}</th>
            <th scope="col">{say('queues.rate')}</th>
          </tr>
        </thead>
        <tbody>
          {queues.map((queue, index) => (
            <>
              {byName && queue.tenant !== queues[index - 1]?.tenant && (
                <tr class="group">
                  <th scope="rowgroup" colspan={5}>
                    <a href={`/tenants/${encodeURIComponent(queue.tenant)}`}>{queue.tenant}</a>
                  </th>
                </tr>
              )}
              <Row visit={visit} queue={queue} />
            </>
          ))}
        </tbody>
      </table>
    </div>
  );
};

interface Shown {
  queues: Queue[];
  /** The next page, as a change of the address. */
  next?: Record<string, string | undefined> | undefined;
  previous?: Record<string, string | undefined> | undefined;
  told?: string;
}

/** By name the API's own pages are enough; everything else is told of all queues. */
const isPlain = ({ query }: Visit): boolean =>
  !query['name']?.trim() && chosen(ONLY, query['only']) === 'all' && chosen(SORT, query['sort']) === 'name';

const readShown = async (visit: Visit): Promise<Shown> => {
  const { say, query } = visit;
  if (isPlain(visit)) {
    const page = await readPage(visit, query['tenant'], query['cursor'], PAGE);
    return {
      queues: page.queues,
      next: page.nextCursor === null ? undefined : { cursor: page.nextCursor },
      previous: query['cursor'] === undefined ? undefined : { cursor: undefined },
    };
  }
  const { queues: all, isCut } = await readAll(visit);
  const found = select(query, all);
  const from = Math.max(0, Math.floor(Number(query['from']) || 0));
  const shown = found.slice(from, from + PAGE);
  const told = say('queues.told', { from: Math.min(from + 1, found.length), to: from + shown.length, n: found.length });
  return {
    queues: shown,
    next: from + PAGE < found.length ? { from: String(from + PAGE) } : undefined,
    previous: from > 0 ? { from: from > PAGE ? String(from - PAGE) : undefined } : undefined,
    told: isCut ? `${told} ${say('queues.cut', { n: MOST_READ })}` : told,
  };
};

const List = ({ visit, shown }: { visit: Visit; shown: Shown }) => {
  const { say } = visit;
  const { queues, told, next, previous } = shown;
  return (
    <>
      {told !== undefined && <p class="hint">{told}</p>}
      {queues.length === 0 ? (
        <Empty>{say(told === undefined ? 'queues.none' : 'queues.noneFound')}</Empty>
      ) : (
        <Table visit={visit} queues={queues} />
      )}
      <nav class="pager" aria-label={say('queues.title')}>
        {previous !== undefined && (
          <a href={urlWith(visit, previous)} class="button">
            {say('queues.previous')}
          </a>
        )}
        {next !== undefined && (
          <a href={urlWith(visit, next)} class="button" rel="next">
            {say('queues.next')}
          </a>
        )}
      </nav>
    </>
  );
};

const queues: Page = {
  path: '/queues',
  async get(visit) {
    const { say } = visit;
    const shown = await readShown(visit);
    const list = <List visit={visit} shown={shown} />;
    return {
      title: say('queues.title'),
      body: (
        <>
          <h1>{say('queues.title')}</h1>
          <Filters visit={visit} />
          {/* Whoever asks for an order has all queues read: not again with every event. */}
          {isPlain(visit) ? (
            <Live visit={visit} id="queues">
              {list}
            </Live>
          ) : (
            list
          )}
        </>
      ),
    };
  },
};

export const QUEUES_PAGES: readonly Page[] = [queues];
