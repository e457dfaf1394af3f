// One action on many emails: first its effect, then, if that is meant, the action; and how far one is.
import { Problem } from '../../../../../libs/mail/input/problem';
import { FormRefusal } from '../../kit/form';
import { count, Empty } from '../../kit/parts';
import type { Page, Redirect, View, Visit } from '../../page/page';
import { MendForm } from './mend-fields';
import { beginOperations, readOperations, sumOf, waitFor, type Sum } from './operation-list';
import { mends, orderFields, orderUrl, readOrder, wordOf, type Order } from './order';
import { Examples, Figures, NotedList, OrderText, Watched } from './parts';

const FOR_GOOD = new Set(['cancel', 'delete']);
/** Of those actions that may correct first. */
const CORRECTS = new Set(['release', 'hold', 'send-now']);

/** The order as it was tried, and the button that carries it out. */
const BeginForm = ({ visit, order, sum }: { visit: Visit; order: Order; sum: Sum }) => {
  const { say } = visit;
  const words = { action: say(wordOf(order.choice)), n: sum.changed };
  return (
    <form method="post" action="/bulk" class="actions">
      {Object.entries({ ...orderFields(order), of: String(sum.matched) }).map(([name, value]) => (
        <input type="hidden" name={name} value={value} />
      ))}
      {order.domains.map(([old, next]) => (
        <>
          <input type="hidden" name="old" value={old} />
          <input type="hidden" name="new" value={next} />
        </>
      ))}
      <button type="submit" name="do" value="begin" class={FOR_GOOD.has(order.choice) ? 'danger' : 'primary'}>
        {say(mends(order) ? 'bulk.mendAndBegin' : 'bulk.begin', words)}
      </button>
    </form>
  );
};

const Effect = ({ visit, order, sum }: { visit: Visit; order: Order; sum: Sum }) => {
  const { say } = visit;
  return (
    <Watched visit={visit} id="effect" over={sum.over}>
      {!sum.over && (
        <p role="status">
          {say('bulk.counting')} {count(visit, sum.matched)}
        </p>
      )}
      <Figures
        visit={visit}
        sum={sum}
        words={[say('bulk.wouldChange'), say('bulk.wouldSkip'), say('bulk.wouldFail')]}
      />
      {sum.over && sum.changed === 0 && <p class="warning">{say('bulk.nothing')}</p>}
      {sum.over && sum.changed > 0 && (
        <>
          {FOR_GOOD.has(order.choice) && <p class="warning">{say('bulk.forGood')}</p>}
          <BeginForm visit={visit} order={order} sum={sum} />
        </>
      )}
      {sum.examples.length > 0 && <Examples visit={visit} examples={sum.examples} />}
      <NotedList title={say('bulk.wouldFail')} noted={sum.errors} />
      <NotedList title={say('bulk.wouldSkip')} noted={sum.skips} />
    </Watched>
  );
};

const transportsOf = async (visit: Visit, { places }: Order): Promise<string[]> => {
  const [place] = places;
  if (place === undefined || places.length > 1) return [];
  const found = await visit
    .ask<{ transports: { transport: string }[] }>('listTransports', { params: { tenant: place.tenant } })
    .catch(() => ({ transports: [] }));
  return found.transports.map(({ transport }) => transport);
};

const show = async (visit: Visit): Promise<View> => {
  const order = readOrder(visit);
  const { say } = visit;
  if (order.places.length === 0)
    return {
      title: say('bulk.heading'),
      body: (
        <>
          <h1>{say('bulk.heading')}</h1>
          <FormRefusal visit={visit} />
          <Empty>{say('bulk.pick')}</Empty>
        </>
      ),
    };
  const tried = visit.form.isSent ? [] : (visit.query['try'] ?? '').split(',').filter((id) => id !== '');
  const sum = sumOf(await readOperations(visit, tried));
  const title = say('bulk.title', { n: sum.matched, action: say(wordOf(order.choice)) });
  return {
    title,
    body: (
      <>
        <h1>{tried.length > 0 ? title : say('bulk.heading')}</h1>
        <FormRefusal visit={visit} />
        <section class="card">
          <OrderText visit={visit} order={order} />
        </section>
        {tried.length > 0 && <Effect visit={visit} order={order} sum={sum} />}
        <details class="card" open={tried.length === 0}>
          <summary>{say('bulk.edit')}</summary>
          <MendForm
            visit={visit}
            order={order}
            domains={[]}
            transports={await transportsOf(visit, order)}
            first={order.domains.length > 0 ? 'domains' : 'none'}
          />
        </details>
      </>
    ),
  };
};

/** Fields that an action does not take are left out. */
const fit = (order: Order): Order =>
  CORRECTS.has(order.choice) ? order : { ...order, domains: [], transport: '', from: '', expiresAfter: '' };

const bulk: Page = {
  path: '/bulk',
  get: show,
  async post(visit): Promise<Redirect> {
    const order = fit(readOrder(visit));
    const { form } = visit;
    if (form.get('which') === 'selected' && order.ids.length === 0)
      throw new Problem('invalid', visit.say('bulk.noneSelected'));
    const isTrial = form.get('do') !== 'begin';
    const ids = await beginOperations(visit, order, isTrial);
    await waitFor(visit, isTrial ? ids : []);
    if (isTrial) return { redirect: orderUrl(order, { try: ids.join(',') }) };
    const of = Number(form.get('of')) || 0;
    return { redirect: `/operations/${ids.join(',')}${of > 0 ? `?of=${of}` : ''}`, notice: 'operation.begun' };
  },
};

export const BULK_PAGES: readonly Page[] = [bulk];
