// Why emails stand unsent: one row for each cause, those with the most emails first.
import { explainCause, type Cause, type Incident } from '../../causes/explain-cause';
import { count, Empty, Live } from '../../kit/parts';
import { Time } from '../../kit/time';
import type { Page, Visit } from '../../page/page';

const MOST = 200;

/** The server's words beside ours. */
export const CauseText = ({ cause }: { cause: Cause }) => (
  <span class="cause">
    {cause.reply !== undefined && <code>{cause.reply}</code>} {cause.text}
    {cause.template !== undefined && ` · ${cause.template}${cause.line === undefined ? '' : `:${cause.line}`}`}
    {cause.transport !== undefined && ` · ${cause.transport}`}
  </span>
);

const whereOf = (visit: Visit, { queues }: Incident): string =>
  visit.say('incidents.where', { first: queues[0] ?? '', more: Math.max(0, queues.length - 1) });

export const incidentPath = (id: string, tenant: string | undefined): string =>
  `/incidents/${encodeURIComponent(id)}${tenant === undefined ? '' : `?tenant=${encodeURIComponent(tenant)}`}`;

const Row = ({ visit, incident }: { visit: Visit; incident: Incident }) => {
  const { say, query } = visit;
  return (
    <tr>
      <td data-label={say('incidents.cause')}>
        <a href={incidentPath(incident.id, query['tenant'])} class="strong">
          {say(explainCause(incident.cause).what)}
        </a>
        <div class="hint">
          <CauseText cause={incident.cause} />
        </div>
      </td>
      <td class="number" data-label={say('incidents.emails')}>
        {count(visit, incident.count)}
      </td>
      <td data-label={say('incidents.since')}>
        <Time visit={visit} at={incident.firstAt} />
      </td>
      <td data-label={say('incidents.last')}>
        <Time visit={visit} at={incident.lastAt} />
      </td>
      <td data-label={say('incidents.queues')}>{whereOf(visit, incident)}</td>
    </tr>
  );
};

/** Of a queue, a tenant, or all that the key reaches. */
export const readIncidents = async (visit: Visit, limit: number): Promise<Incident[]> => {
  const { tenant, application } = visit.query;
  const query = { limit: String(limit) };
  const [id, params] =
    tenant === undefined
      ? ['listIncidents', {}]
      : application === undefined
        ? ['listTenantIncidents', { tenant }]
        : ['listQueueIncidents', { tenant, application }];
  return (await visit.ask<{ incidents: Incident[] }>(id, { params, query })).incidents;
};

const Table = ({ visit, incidents }: { visit: Visit; incidents: Incident[] }) => {
  const { say } = visit;
  return (
    <div class="scroll">
      <table class="cards" aria-label={say('incidents.title')}>
        <thead>
          <tr>
            <th scope="col">{say('incidents.cause')}</th>
            <th scope="col" class="number">
              {say('incidents.emails')}
            </th>
            <th scope="col">{say('incidents.since')}</th>
            <th scope="col">{say('incidents.last')}</th>
            <th scope="col">{say('incidents.queues')}</th>
          </tr>
        </thead>
        <tbody>
          {incidents.map((incident) => (
            <Row visit={visit} incident={incident} />
          ))}
        </tbody>
      </table>
    </div>
  );
};

const incidents: Page = {
  path: '/incidents',
  async get(visit) {
    const { say, query } = visit;
    const found = await readIncidents(visit, MOST + 1);
    const shown = found.slice(0, MOST);
    return {
      title: say('incidents.title'),
      body: (
        <>
          <h1>{say('incidents.title')}</h1>
          {query['tenant'] !== undefined && (
            <p>
              {say('incidents.tenant', {
                tenant: query['tenant'] + (query['application'] === undefined ? '' : `/${query['application']}`),
              })}{' '}
              · <a href="/incidents">{say('incidents.all')}</a>
            </p>
          )}
          <Live visit={visit} id="incidents">
            <p class="hint">{say('incidents.lead')}</p>
            {shown.length === 0 ? <Empty>{say('incidents.none')}</Empty> : <Table visit={visit} incidents={shown} />}
            {found.length > MOST && <p class="hint">{say('incidents.more', { n: MOST })}</p>}
          </Live>
        </>
      ),
    };
  },
};

export const INCIDENTS_PAGES: readonly Page[] = [incidents];
