// Emails that need somebody: uncertain ones, and those that stand unsent for one cause.
import type { Child } from 'hono/jsx';
import type { z } from 'zod';
import type { Overview } from '../../../answers/overview';
import { may } from '../../../../../libs/mail/settings/api-key';
import type { Visit } from '../../page/page';
import { explainCause } from '../../causes/explain-cause';
import { For, Need, SHOWN } from './need';

type Overview = z.infer<typeof Overview>;
type Incident = NonNullable<Overview['incidents']>[number];

const causeWords = ({ reply, text }: Incident['cause']): string =>
  reply === undefined || text.includes(reply) ? text : `${reply} ${text}`;

const placeWords = (visit: Visit, { transport, template, line }: Incident['cause']): string | undefined => {
  if (template !== undefined && line !== undefined) return visit.say('start.line', { template, line });
  if (template !== undefined) return visit.say('start.template', { template });
  return transport === undefined ? undefined : visit.say('start.transport', { transport });
};

const IncidentNeed = ({ visit, incident }: { visit: Visit; incident: Incident }) => {
  const { id, cause, count, firstAt, queues } = incident;
  const place = placeWords(visit, cause);
  const others = queues.length - 1;
  return (
    <Need
      bad
      title={
        <a href={`/incidents/${encodeURIComponent(id)}`}>
          {visit.say('start.incident', { n: count, cause: visit.say(explainCause(cause).what) })}
        </a>
      }
      actions={
        <a href={`/incidents/${encodeURIComponent(id)}`} class="button">
          {visit.say(may(visit.identity, 'administer') ? 'start.mend' : 'start.look')}
        </a>
      }
    >
      {cause.code !== 'expired' && <p class="said">{causeWords(cause)}</p>}
      <p class="hint">
        {queues[0]}
        {others > 0 && ` ${visit.say('start.andOthers', { n: others })}`}
        {place !== undefined && ` · ${place}`} · <For visit={visit} at={firstAt} />
      </p>
    </Need>
  );
};

/** Uncertain ones first. */
export const ofEmails = ({
  visit,
  overview: { incidents = [], numbers },
}: {
  visit: Visit;
  overview: Overview;
}): Child[] => {
  const uncertain = numbers?.total.uncertain ?? 0;
  const others = incidents.filter(({ cause }) => cause.code !== 'uncertain');
  return [
    ...(uncertain > 0
      ? [
          <Need
            bad
            title={visit.say('start.uncertain', { n: uncertain })}
            actions={
              <a href="/search?q=state%3Auncertain" class="button">
                {visit.say('start.decide')}
              </a>
            }
          >
            <p class="hint">{visit.say('start.uncertainDo')}</p>
          </Need>,
        ]
      : []),
    ...others.slice(0, SHOWN).map((incident) => <IncidentNeed visit={visit} incident={incident} />),
    ...(others.length > SHOWN
      ? [
          <li>
            <a href="/incidents">{visit.say('start.allIncidents', { n: others.length - SHOWN })}</a>
          </li>,
        ]
      : []),
  ];
};
