// How many emails came, were sent and failed, and how long they took: a table, charts of it, and the same as a file.
import type { Problem } from '../../../../../libs/mail/input/problem';
import type { Reading } from '../../../../../libs/administration/overview/shared-reading';
import { toProblem } from '../../../http/errors';
import { ChoiceField, Refusal, TextField } from '../../kit/form';
import { count, Empty, Live, urlWith } from '../../kit/parts';
import type { Page, Visit } from '../../page/page';
import { askStatistics, byOf, COUNTS, GROUPS, placeOf, soonOf, type Row, type Statistics } from './asked';
import { Charts, latencyText, spanName } from './charts';
import { toCsv } from './csv';
import { readShared } from './counted';

/** Rows of the table; the file has all. */
const SHOWN = 500;

const Form = ({ visit }: { visit: Visit }) => {
  const { say, query, identity } = visit;
  const isOperator = identity.tenant === undefined;
  const groups = GROUPS.filter((group) => isOperator || group !== 'tenant');
  return (
    <form action="/statistics" class="filters">
      <ChoiceField
        visit={visit}
        name="by"
        label={say('statistics.by')}
        value={byOf(visit)}
        choices={[
          ['day', say('statistics.day')],
          ['hour', say('statistics.hour')],
        ]}
      />
      <ChoiceField
        visit={visit}
        name="group"
        label={say('statistics.group')}
        value={query['group']}
        choices={[['', say('statistics.all')], ...groups.map((group) => [group, say(`statistics.${group}`)] as const)]}
      />
      <TextField
        visit={visit}
        name="place"
        label={say('statistics.place')}
        value={query['place'] ?? ''}
        hint={say(isOperator ? 'statistics.placeHint' : 'statistics.queueHint')}
        more={{ maxlength: 130 }}
      />
      <TextField visit={visit} name="since" label={say('statistics.since')} value={query['since'] ?? ''} type="date" />
      <TextField visit={visit} name="until" label={say('statistics.until')} value={query['until'] ?? ''} type="date" />
      <div class="actions">
        <button type="submit" class="primary">
          {say('statistics.show')}
        </button>
        <a class="button" href={urlWith({ path: '/statistics.csv', query }, {})}>
          {say('statistics.export')}
        </a>
      </div>
    </form>
  );
};

const RowOf = ({ visit, by, row, grouped }: { visit: Visit; by: 'hour' | 'day'; row: Row; grouped: boolean }) => {
  const { say, language } = visit;
  const soon = soonOf(row);
  return (
    <tr>
      <th scope="row">
        <time datetime={row.at}>{spanName(visit, by, Date.parse(row.at))}</time>
      </th>
      {grouped && <td data-label={say('statistics.group')}>{placeOf(row) || '–'}</td>}
      {COUNTS.map((name) => (
        <td class="number" data-label={say(`statistics.${name}`)}>
          {count(visit, row[name])}
        </td>
      ))}
      <td class="number" data-label={say('statistics.latency')}>
        {row.latency.count === 0 ? '–' : latencyText(visit, row.latency.meanMs)}
      </td>
      <td class="number" data-label={say('statistics.soon')}>
        {soon === undefined ? '–' : new Intl.NumberFormat(language, { style: 'percent' }).format(soon)}
      </td>
    </tr>
  );
};

const Table = ({ visit, statistics }: { visit: Visit; statistics: Statistics }) => {
  const { say, query } = visit;
  const rows = statistics.rows.slice(-SHOWN).reverse();
  const grouped = (query['group'] ?? '') !== '';
  return (
    <>
      <div class="scroll">
        <table class="cards">
          <caption>{say('statistics.table')}</caption>
          <thead>
            <tr>
              <th scope="col">{say('statistics.when')}</th>
              {grouped && <th scope="col">{say('statistics.place')}</th>}
              {[...COUNTS, 'latency' as const, 'soon' as const].map((name) => (
                <th scope="col" class="number">
                  {say(`statistics.${name}`)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <RowOf visit={visit} by={statistics.by} row={row} grouped={grouped} />
            ))}
          </tbody>
        </table>
      </div>
      {rows.length < statistics.rows.length && (
        <p class="hint">{say('statistics.cut', { n: rows.length, all: statistics.rows.length })}</p>
      )}
    </>
  );
};

/** What was asked for, or why it cannot be answered: the form stays. */
const read = async (visit: Visit): Promise<{ reading: Reading<Statistics> | undefined } | { problem: Problem }> => {
  try {
    return { reading: await readShared(visit) };
  } catch (error) {
    const problem = toProblem(error);
    if (problem === undefined) throw error;
    return { problem };
  }
};

const Found = ({ visit, reading }: { visit: Visit; reading: Reading<Statistics> | undefined }) => {
  if (reading === undefined)
    return (
      <p data-again="1000">
        {visit.say('start.counting')} <a href={visit.url}>{visit.say('statistics.again')}</a>
      </p>
    );
  const { value: statistics, newerIn } = reading;
  if (statistics.rows.length === 0) return <Empty>{visit.say('statistics.none')}</Empty>;
  return (
    <div {...(newerIn > 0 && { 'data-again': newerIn })}>
      <Charts visit={visit} statistics={statistics} />
      <Table visit={visit} statistics={statistics} />
    </div>
  );
};

const statisticsPage: Page = {
  path: '/statistics',
  async get(visit) {
    const found = await read(visit);
    const asked = 'problem' in found ? { ...visit, problem: found.problem } : visit;
    return {
      title: visit.say('statistics.title'),
      ...('problem' in found && { status: 422 }),
      body: (
        <>
          <h1>{visit.say('statistics.title')}</h1>
          {'problem' in found && <Refusal title={visit.say('form.refused')} text={found.problem.message} />}
          <Form visit={asked} />
          {'reading' in found && (
            <Live visit={visit} id="counted">
              <Found visit={visit} reading={found.reading} />
            </Live>
          )}
        </>
      ),
    };
  },
};

const statisticsFile: Page = {
  path: '/statistics.csv',
  async get(visit) {
    const statistics = await askStatistics(visit);
    return {
      type: 'text/csv; charset=utf-8; header=present',
      body: toCsv(statistics),
      headers: { 'Content-Disposition': 'attachment; filename="statistics.csv"' },
    };
  },
};

export const STATISTICS_PAGES: readonly Page[] = [statisticsPage, statisticsFile];
