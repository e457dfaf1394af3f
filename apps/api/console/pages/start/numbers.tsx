// The numbers of the start page: of all, then of each tenant or queue with a line of its last day.
import type { z } from 'zod';
import type { Overview } from '../../../answers/overview';
import { Spark } from '../../kit/charts';
import { count, Empty } from '../../kit/parts';
import { relative } from '../../kit/time';
import type { Visit } from '../../page/page';
import type { WordKey } from '../../words/all-words';

type Numbers = NonNullable<z.infer<typeof Overview>['numbers']>;
type Row = Numbers['rows'][number];

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);
const last = (numbers: readonly number[]): number => numbers.at(-1) ?? 0;

const Figures = ({ visit, total }: { visit: Visit; total: Numbers['total'] }) => {
  const figures: [WordKey, number][] = [
    ['start.due', total.due],
    ['start.waiting', total.waiting],
    ['start.sentHour', last(total.sentByHour)],
    ['start.sentDay', sum(total.sentByHour)],
    ['start.failedHour', last(total.failedByHour)],
    ['start.failedDay', sum(total.failedByHour)],
  ];
  return (
    <ul class="figures">
      {figures.map(([word, number]) => (
        <li>
          <b>{count(visit, number)}</b>
          <span>{visit.say(word)}</span>
        </li>
      ))}
    </ul>
  );
};

const linkOf = ({ tenant, application }: Row): [path: string, name: string] =>
  application === undefined
    ? [`/queues?tenant=${encodeURIComponent(tenant)}`, tenant]
    : [`/queues/${encodeURIComponent(tenant)}/${encodeURIComponent(application)}`, application];

const RowOf = ({ visit, row }: { visit: Visit; row: Row }) => {
  const [path, name] = linkOf(row);
  const columns: [WordKey, number][] = [
    ['start.due', row.due],
    ['start.waitingShort', row.waiting],
    ['start.sentHour', last(row.sentByHour)],
    ['start.sentDay', sum(row.sentByHour)],
    ['start.failedDay', sum(row.failedByHour)],
  ];
  return (
    <tr>
      <th scope="row">
        <a href={path}>{name}</a>
      </th>
      <td data-label={visit.say('start.hours')}>
        <Spark numbers={row.sentByHour} label={visit.say('start.spark', { numbers: row.sentByHour.join(', ') })} />
      </td>
      {columns.map(([word, number]) => (
        <td class="number" data-label={visit.say(word)}>
          {count(visit, number)}
        </td>
      ))}
    </tr>
  );
};

const COLUMNS = ['start.due', 'start.waitingShort', 'start.sentHour', 'start.sentDay', 'start.failedDay'] as const;

const Table = ({ visit, numbers }: { visit: Visit; numbers: Numbers }) => (
  <div class="scroll">
    <table class="cards" aria-labelledby="numbers">
      <thead>
        <tr>
          <th scope="col">{visit.say(visit.identity.tenant === undefined ? 'start.tenant' : 'start.queue')}</th>
          <th scope="col">{visit.say('start.hours')}</th>
          {COLUMNS.map((word) => (
            <th scope="col" class="number">
              {visit.say(word)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {numbers.rows.map((row) => (
          <RowOf visit={visit} row={row} />
        ))}
      </tbody>
    </table>
  </div>
);

export const NumbersPart = ({ visit, numbers }: { visit: Visit; numbers: Numbers | undefined }) => (
  <section aria-labelledby="numbers">
    <h2 id="numbers">{visit.say('start.numbers')}</h2>
    {numbers === undefined ? (
      // Asked again at once: of very many queues the first count takes a second.
      <p data-again="1000">{visit.say('start.counting')}</p>
    ) : (
      <>
        <Figures visit={visit} total={numbers.total} />
        {numbers.rows.length === 0 ? (
          <Empty>{visit.say('start.noRows')}</Empty>
        ) : (
          <Table visit={visit} numbers={numbers} />
        )}
        <p class="hint" {...(numbers.newerIn > 0 && { 'data-again': numbers.newerIn })}>
          {numbers.more > 0 && <a href="/queues">{visit.say('start.moreRows', { n: numbers.more })}</a>}{' '}
          {visit.say('start.counted', { time: relative(visit, Date.parse(numbers.at)) })} ·{' '}
          <a href="/statistics">{visit.say('nav.statistics')}</a>
        </p>
      </>
    )}
  </section>
);
