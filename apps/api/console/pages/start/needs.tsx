// What needs somebody now, the worst first, each with what can be done about it.
import type { Child } from 'hono/jsx';
import type { z } from 'zod';
import type { Overview } from '../../../answers/overview';
import { may } from '../../../../../libs/mail/settings/api-key';
import { ActionButton } from '../../kit/form';
import { relative } from '../../kit/time';
import type { Visit } from '../../page/page';
import { ofEmails } from './email-needs';
import { For, Need, Note, SHOWN } from './need';

type Overview = z.infer<typeof Overview>;
interface Props {
  visit: Visit;
  overview: Overview;
}

const ofInstallation = ({ visit, overview: { redis: problems, pause, workers } }: Props): Child[] => [
  ...(problems.length > 0
    ? [
        <Need bad title={visit.say('start.redis')}>
          {problems.map((problem) => (
            <p>{problem}</p>
          ))}
          <p class="hint">{visit.say('start.redisDo')}</p>
        </Need>,
      ]
    : []),
  ...(pause !== undefined
    ? [
        <Need
          bad
          title={visit.say('start.pause')}
          actions={
            may(visit.identity, 'operate') && (
              <ActionButton action="/" does="resume-all" text={visit.say('start.resume')} kind="primary" />
            )
          }
        >
          <Note visit={visit} note={pause} />
          <p class="hint">{visit.say('start.pauseDo')}</p>
        </Need>,
      ]
    : []),
  ...(workers === 0
    ? [
        <Need bad title={visit.say('start.noWorker')}>
          <p class="hint">{visit.say('start.noWorkerDo')}</p>
        </Need>,
      ]
    : []),
];

const ofTransports = ({ visit, overview: { transports } }: Props): Child[] =>
  transports.slice(0, SHOWN).map((one) => {
    const { tenant, transport, state, since, words, waiting } = one;
    const isDown = state === 'open';
    const page = `/tenants/${encodeURIComponent(tenant)}/transports/${encodeURIComponent(transport)}`;
    return (
      <Need
        bad={isDown}
        title={visit.say(isDown ? 'start.down' : 'start.recovering', { tenant, transport })}
        actions={
          may(visit.identity, 'administer') && (
            <>
              <a href={page} class="button primary">
                {visit.say('start.mend')}
              </a>
              <ActionButton action="/" does="try" text={visit.say('start.try')} fields={{ tenant, transport }} />
            </>
          )
        }
      >
        {words !== undefined && <p class="said">{words}</p>}
        <p class="hint">
          <For visit={visit} at={since} />
          {waiting !== undefined && <> · {visit.say('start.wait', { n: waiting })}</>}
        </p>
      </Need>
    );
  });

const queuePage = ({ tenant, application }: { tenant: string; application: string }): string =>
  `/queues/${encodeURIComponent(tenant)}/${encodeURIComponent(application)}`;

const More = ({ visit, number }: { visit: Visit; number: number }) =>
  number <= 0 ? null : (
    <li>
      <a href="/queues">{visit.say('start.more', { n: number })}</a>
    </li>
  );

const ofQueues = ({ visit, overview: { late, paused } }: Props): Child[] => [
  ...late.slice(0, SHOWN).map((queue) => {
    const name = `${queue.tenant}/${queue.application}`;
    const time = relative(visit, Date.parse(queue.oldestDueAt));
    return (
      <Need
        title={visit.say('start.late', { queue: name })}
        actions={
          <a href={queuePage(queue)} class="button">
            {visit.say('start.look')}
          </a>
        }
      >
        <p>{visit.say('start.lateSince', { n: queue.due, time })}</p>
        <p class="hint">{visit.say('start.lateDo')}</p>
      </Need>
    );
  }),
  <More visit={visit} number={late.length - SHOWN} />,
  ...paused.slice(0, SHOWN).map((queue) => {
    const { tenant, application, pause } = queue;
    return (
      <Need
        title={visit.say('start.paused', { queue: `${tenant}/${application}` })}
        actions={
          <>
            <a href={queuePage(queue)} class="button">
              {visit.say('start.look')}
            </a>
            {may(visit.identity, 'administer') && (
              <ActionButton
                action="/"
                does="resume"
                text={visit.say('start.resume')}
                fields={{ tenant, application }}
              />
            )}
          </>
        }
      >
        <Note visit={visit} note={pause} />
      </Need>
    );
  }),
  <More visit={visit} number={paused.length - SHOWN} />,
];

const isCalm = ({
  redis: problems,
  pause,
  workers,
  transports,
  incidents = [],
  late,
  paused,
  numbers,
}: Overview): boolean =>
  pause === undefined &&
  workers > 0 &&
  [problems, transports, incidents, late, paused].every((list) => list.length === 0) &&
  (numbers?.total.uncertain ?? 0) === 0;

export const Needs = (props: Props) => (
  <section aria-labelledby="needs">
    <h2 id="needs">{props.visit.say('start.needs')}</h2>
    {isCalm(props.overview) ? (
      <p class="calm">
        <span class="good-text" aria-hidden="true">
          ✓
        </span>{' '}
        {props.visit.say('start.calm')}
      </p>
    ) : (
      <ul class="needs">
        {ofInstallation(props)}
        {ofTransports(props)}
        {ofEmails(props)}
        {ofQueues(props)}
      </ul>
    )}
  </section>
);
