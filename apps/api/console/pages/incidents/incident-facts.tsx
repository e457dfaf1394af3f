// What is known of an incident: the server's words, where and since when, its newest emails, and the way to what is at fault.
import type { z } from 'zod';
import type { EmailPage } from '../../../answers/emails';
import type { Incident, MendKind } from '../../causes/explain-cause';
import { ExactTime, Time } from '../../kit/time';
import type { Visit } from '../../page/page';
import { emailPath } from '../bulk/parts';
import { CauseText } from './incidents';

export type Email = z.infer<typeof EmailPage>['emails'][number];

const EXAMPLES = 5;

export const Facts = ({ visit, incident }: { visit: Visit; incident: Incident }) => {
  const { say } = visit;
  const { cause, queues, tenants, firstAt, lastAt } = incident;
  const [tenant = ''] = tenants;
  return (
    <dl class="pairs">
      <dt>{say('incident.server')}</dt>
      <dd>
        <CauseText cause={cause} />
      </dd>
      <dt>{say('incident.first')}</dt>
      <dd>
        <ExactTime visit={visit} at={firstAt} /> ({say('incidents.last')}: <Time visit={visit} at={lastAt} />)
      </dd>
      <dt>{say('incident.affected')}</dt>
      <dd>
        {queues.map((queue, index) => (
          <>
            {index > 0 && ', '}
            <a href={`/queues/${queue}?q=incident%3A${encodeURIComponent(incident.id)}`}>{queue}</a>
          </>
        ))}
      </dd>
      {cause.transport !== undefined && tenants.length === 1 && (
        <>
          <dt>{say('incident.transport')}</dt>
          <dd>
            <a href={`/tenants/${tenant}/transports/${encodeURIComponent(cause.transport)}`}>{cause.transport}</a>
          </dd>
        </>
      )}
      {cause.template !== undefined && tenants.length === 1 && (
        <>
          <dt>{say('incident.template')}</dt>
          <dd>
            <a href={`/tenants/${tenant}/templates/${encodeURIComponent(cause.template)}`}>{cause.template}</a>
            {cause.line !== undefined && `, ${say('incident.line', { line: cause.line })}`}
          </dd>
        </>
      )}
    </dl>
  );
};

/** The way to what is at fault itself. */
export const FaultLinks = ({ visit, incident, mend }: { visit: Visit; incident: Incident; mend: MendKind }) => {
  const { cause, tenants } = incident;
  const name = mend === 'transport' ? cause.transport : mend === 'template' ? cause.template : undefined;
  if (name === undefined) return null;
  const kind = mend === 'transport' ? 'transports' : 'templates';
  return (
    <p class="actions">
      {tenants.map((tenant) => (
        <a class="button" href={`/tenants/${encodeURIComponent(tenant)}/${kind}/${encodeURIComponent(name)}`}>
          {visit.say(mend === 'transport' ? 'incident.toTransport' : 'incident.toTemplate', {
            name: tenants.length > 1 ? `${tenant}/${name}` : name,
          })}
        </a>
      ))}
    </p>
  );
};

export const Newest = ({ visit, emails, incident }: { visit: Visit; emails: Email[]; incident: Incident }) => (
  <section class="card">
    <h2>{visit.say('incident.examples')}</h2>
    <ul class="plain">
      {emails.slice(0, EXAMPLES).map((email) => (
        <li>
          <a href={emailPath(email)}>{[...email.to, ...email.cc, ...email.bcc][0] ?? email.id}</a>{' '}
          <span class="hint">{email.subject ?? email.template?.name}</span>
        </li>
      ))}
    </ul>
    <p>
      <a href={`/search?q=incident%3A${encodeURIComponent(incident.id)}`}>
        {visit.say('incident.all', { n: incident.count })}
      </a>
    </p>
  </section>
);
