// What a tenant has: queues, transports with how they are, templates, keys; each leads to its page.
import type { z } from 'zod';
import { may } from '../../../../../libs/mail/settings/api-key';
import type { KeyList } from '../../../answers/installation';
import type { QueuePage } from '../../../answers/tenants-and-queues';
import type { TemplateList } from '../../../answers/templates';
import type { TransportList, TransportState } from '../../../answers/transports';
import type { WebhookList } from '../../../answers/webhooks';
import { pathTo } from '../../kit/paths';
import { Empty } from '../../kit/parts';
import { TransportStanding } from '../../kit/transport-standing';
import type { Visit } from '../../page/page';

type State = z.infer<typeof TransportState>;

export interface Glance {
  tenant: string;
  queues: z.infer<typeof QueuePage>;
  transports: { transport: string; host: string; state: State | undefined }[];
  templates: number;
  webhooks: number;
  /** Not known to who may not administer. */
  keys: number | undefined;
}

/** How many transports are asked how they are. */
const MOST_STATES = 30;

/** @throws Problem where the tenant is not there */
export const readGlance = async ({ ask, identity }: Visit, tenant: string): Promise<Glance> => {
  const params = { tenant };
  const [queues, { transports }, { templates }, { webhooks }, keys] = await Promise.all([
    ask<z.infer<typeof QueuePage>>('listTenantQueues', { params, query: { limit: '20' } }),
    ask<z.infer<typeof TransportList>>('listTransports', { params }),
    ask<z.infer<typeof TemplateList>>('listTemplates', { params }),
    ask<z.infer<typeof WebhookList>>('listWebhooks', { params }),
    may(identity, 'administer') ? ask<z.infer<typeof KeyList>>('listKeys') : undefined,
  ]);
  const states = await Promise.all(
    transports
      .slice(0, MOST_STATES)
      .map(({ transport: name }) => ask<State>('getTransportState', { params: { tenant, name } })),
  );
  return {
    tenant,
    queues,
    transports: transports.map(({ transport, host }, index) => ({ transport, host, state: states[index] })),
    templates: templates.length,
    webhooks: webhooks.length,
    keys: keys?.keys.filter((key) => key.tenant === tenant).length,
  };
};

const Queues = ({ visit: { say }, glance: { tenant, queues } }: { visit: Visit; glance: Glance }) => (
  <section class="card">
    <h2>{say('tenant.queues')}</h2>
    {queues.queues.length === 0 && <Empty>{say('tenant.noQueues', { tenant })}</Empty>}
    <ul class="plain">
      {queues.queues.map(({ application, counts, paused }) => (
        <li>
          <a href={pathTo('queues', tenant, application)}>{application}</a>{' '}
          <span class="hint">
            {say('tenant.queueLine', {
              waiting: ['scheduled', 'queued', 'sending', 'deferred', 'held'].reduce(
                (sum, state) => sum + (counts[state] ?? 0),
                0,
              ),
              failed: counts['failed'] ?? 0,
            })}
            {paused && ` · ${say('tenant.paused')}`}
          </span>
        </li>
      ))}
    </ul>
    {queues.nextCursor !== null && <a href="/queues">{say('tenant.allQueues')}</a>}
  </section>
);

const Transports = ({ visit, glance }: { visit: Visit; glance: Glance }) => {
  const { say, identity } = visit;
  const { tenant, transports } = glance;
  return (
    <section class="card">
      <h2>{say('tenant.transports')}</h2>
      {transports.length === 0 && <Empty>{say('tenant.noTransports')}</Empty>}
      <ul class="plain">
        {transports.map(({ transport, host, state }) => (
          <li>
            <a href={pathTo('tenants', tenant, 'transports', transport)}>{transport}</a>{' '}
            <span class="hint">{host}</span>
            {state !== undefined && <TransportStanding visit={visit} state={state} />}
          </li>
        ))}
      </ul>
      {may(identity, 'administer') && (
        <a class="button small" href={`${pathTo('tenants', tenant)}/new-transport`}>
          {say('tenant.newTransport')}
        </a>
      )}
    </section>
  );
};

export const AtAGlance = ({ visit, glance }: { visit: Visit; glance: Glance }) => {
  const { say } = visit;
  return (
    <div class="grid">
      <Queues visit={visit} glance={glance} />
      <Transports visit={visit} glance={glance} />
      <section class="card">
        <h2>{say('tenant.templates')}</h2>
        <p>
          <a href={pathTo('tenants', glance.tenant, 'templates')}>
            {say('tenant.templateCount', { n: glance.templates })}
          </a>
        </p>
        <h2>{say('suppressions.title')}</h2>
        <p>
          <a href={pathTo('tenants', glance.tenant, 'suppressions')}>{say('suppressions.open')}</a>
        </p>
        <h2>{say('webhooks.title')}</h2>
        <p>
          <a href={pathTo('tenants', glance.tenant, 'webhooks')}>{say('webhooks.open', { n: glance.webhooks })}</a>
        </p>
        {glance.keys !== undefined && (
          <>
            <h2>{say('tenant.keys')}</h2>
            <p>
              <a href={`/keys?tenant=${encodeURIComponent(glance.tenant)}`}>
                {say('tenant.keyCount', { n: glance.keys })}
              </a>
            </p>
          </>
        )}
      </section>
    </div>
  );
};
