// Parts of the pages about many emails: what is asked for, examples before and after, what was refused and why.
import { STATES, type State } from '../../../../../libs/mail/email/state';
import { count, StateBadge } from '../../kit/parts';
import type { Visit } from '../../page/page';
import type { Example, Noted, Sum } from './operation-list';
import { placeText, wordOf, type Order } from './order';

export const emailPath = ({ tenant, application, id }: { tenant: string; application: string; id: string }): string =>
  `/queues/${encodeURIComponent(tenant)}/${encodeURIComponent(application)}/emails/${encodeURIComponent(id)}`;

/** What an order says, in words. */
export const OrderText = ({ visit, order }: { visit: Visit; order: Order }) => {
  const { say } = visit;
  const changes = [
    ...order.domains.map(([old, next]) => say('bulk.replaced', { old: `@${old}`, new: `@${next}` })),
    ...(order.transport === '' ? [] : [say('bulk.toTransport', { name: order.transport })]),
    ...(order.from === '' ? [] : [say('bulk.toFrom', { from: order.from })]),
    ...(order.expiresAfter === '' ? [] : [say('bulk.toExpire', { span: order.expiresAfter })]),
  ];
  return (
    <dl class="pairs">
      <dt>{say('bulk.where')}</dt>
      <dd>{order.places.map(placeText).join(', ')}</dd>
      <dt>{say('bulk.which')}</dt>
      <dd>
        {order.ids.length > 0 ? (
          say('bulk.ids', { n: order.ids.length })
        ) : (
          <code>{order.q || say('bulk.everything')}</code>
        )}
      </dd>
      {changes.length > 0 && (
        <>
          <dt>{say('bulk.change')}</dt>
          <dd>
            {changes.map((change) => (
              <div>
                <strong>{change}</strong>
              </div>
            ))}
          </dd>
        </>
      )}
      <dt>{say('bulk.action')}</dt>
      <dd>{say(wordOf(order.choice))}</dd>
    </dl>
  );
};

const isState = (value: unknown): value is State => STATES.some((state) => state === value);
const textOf = (value: unknown): string =>
  Array.isArray(value) ? value.join(', ') : typeof value === 'string' ? value : JSON.stringify(value ?? null);
const isEmpty = (value: unknown): boolean =>
  value === null || value === undefined || (Array.isArray(value) && value.length === 0);

const Side = ({
  visit,
  side,
  other,
  kind,
}: {
  visit: Visit;
  side: Example['before'];
  other: Example['after'];
  kind: 'ins' | 'del';
}) => {
  const { state, ...fields } = side;
  return (
    <>
      {Object.entries(fields).map(([name, value]) => {
        if (isEmpty(value)) return null;
        const text = `${name === 'to' ? '' : `${name}: `}${textOf(value)}`;
        const isSame = textOf(value) === textOf(other[name]);
        return <div>{isSame ? text : kind === 'ins' ? <ins>{text}</ins> : <del>{text}</del>}</div>;
      })}
      <div>{isState(state) ? <StateBadge visit={visit} state={state} /> : textOf(state)}</div>
    </>
  );
};

export const Examples = ({ visit, examples }: { visit: Visit; examples: Example[] }) => (
  <div class="scroll">
    <table class="cards diff">
      <caption>{visit.say('bulk.examples')}</caption>
      <thead>
        <tr>
          <th scope="col">{visit.say('bulk.before')}</th>
          <th scope="col">{visit.say('bulk.after')}</th>
          <th scope="col">{visit.say('list.queue')}</th>
        </tr>
      </thead>
      <tbody>
        {examples.map((example) => (
          <tr>
            <td data-label={visit.say('bulk.before')}>
              <Side visit={visit} side={example.before} other={example.after} kind="del" />
            </td>
            <td data-label={visit.say('bulk.after')}>
              <Side visit={visit} side={example.after} other={example.before} kind="ins" />
            </td>
            <td data-label={visit.say('list.queue')}>
              <a href={emailPath(example)}>{`${example.tenant}/${example.application}`}</a>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
);

/** How many, by what becomes or became of them. */
export const Figures = ({
  visit,
  sum,
  words,
}: {
  visit: Visit;
  sum: Sum;
  words: readonly [changed: string, skipped: string, failed: string];
}) => (
  <ul class="figures">
    {(
      [
        ['changed', words[0]],
        ['skipped', words[1]],
        ['failed', words[2]],
      ] as const
    ).map(([name, word]) =>
      name !== 'changed' && sum[name] === 0 ? null : (
        <li>
          <b class={name === 'failed' ? 'bad-text' : undefined}>{count(visit, sum[name])}</b> <span>{word}</span>
        </li>
      ),
    )}
  </ul>
);

/** The first of those that were not changed, with why. */
export const NotedList = ({ title, noted }: { title: string; noted: Noted[] }) =>
  noted.length === 0 ? null : (
    <details class="card" open={noted.length <= 3}>
      <summary>{title}</summary>
      <ul class="plain">
        {noted.map((one) => (
          <li>
            <a href={emailPath(one)}>
              <code>{one.id}</code>
            </a>{' '}
            {one.detail}
          </li>
        ))}
      </ul>
    </details>
  );

/** A part that looks again by itself while something is under way; without JavaScript a link does. */
export const Watched = ({
  visit,
  id,
  over,
  children,
}: {
  visit: Visit;
  id: string;
  over: boolean;
  children: unknown;
}) => (
  <div
    id={id}
    {...(!over && {
      'hx-get': visit.url,
      'hx-trigger': 'every 1s',
      'hx-select': `#${id}`,
      'hx-target': 'this',
      'hx-swap': 'outerHTML',
    })}
  >
    {children}
    {!over && (
      <p>
        <a href={visit.url} class="button small">
          {visit.say('bulk.look')}
        </a>
      </p>
    )}
  </div>
);
