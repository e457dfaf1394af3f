// A webhook: how it stands, a try of it, its settings, its secret, what it was told.
import type { z } from 'zod';
import { may } from '../../../../../libs/mail/settings/api-key';
import type { WebhookDeliveryPage, WebhookTestResult } from '../../../answers/webhooks';
import { FormRefusal } from '../../kit/form';
import { pathTo } from '../../kit/paths';
import { Time } from '../../kit/time';
import { afresh } from '../../page/form';
import type { Page, Redirect, View, Visit } from '../../page/page';
import { Deliveries } from './deliveries';
import { typedWebhook, WebhookForm, type Webhook } from './webhook-form';
import { secretView, WEBHOOK_LIST_PAGE, WebhookStanding } from './webhooks';

type Result = z.infer<typeof WebhookTestResult>;

const placeOf = ({ params }: Visit) => ({ tenant: params['tenant'] ?? '', name: params['name'] ?? '' });

const Standing = ({ visit, webhook, mayChange }: { visit: Visit; webhook: Webhook; mayChange: boolean }) => {
  const { say } = visit;
  const { enabled, failingSince, deliveredAt } = webhook;
  return (
    <section class="card">
      <p>
        <WebhookStanding visit={visit} webhook={webhook} />
      </p>
      {!enabled && <p class="hint">{say('webhook.offText')}</p>}
      {failingSince !== undefined && (
        <p class="bad-text">
          {say('webhook.failing')} <Time visit={visit} at={failingSince} />
        </p>
      )}
      {deliveredAt !== undefined && (
        <p class="hint">
          {say('webhook.delivered')} <Time visit={visit} at={deliveredAt} />
        </p>
      )}
      {mayChange && (
        <form method="post" class="actions">
          <button type="submit" name="do" value="test">
            {say('webhook.test')}
          </button>
          <button type="submit" name="do" value={enabled ? 'off' : 'on'}>
            {say(enabled ? 'webhook.switchOff' : 'webhook.switchOn')}
          </button>
        </form>
      )}
    </section>
  );
};

const Tested = ({ visit: { say }, result: { ok, ms, status, text } }: { visit: Visit; result: Result }) => (
  <p class={ok ? 'notice' : 'warning'} role="status">
    {ok
      ? say('webhook.testOk', { status: status ?? '', ms })
      : say('webhook.testBad', { text: [status, text].filter(Boolean).join(' ') })}
  </p>
);

const Ends = ({ visit: { say }, name }: { visit: Visit; name: string }) => (
  <>
    <details class="card">
      <summary>{say('webhook.rotate')}</summary>
      <form method="post" class="form">
        <p>{say('webhook.rotateText')}</p>
        <div class="actions">
          <button type="submit" name="do" value="rotate">
            {say('webhook.rotate')}
          </button>
        </div>
      </form>
    </details>
    <details class="card">
      <summary>{say('webhook.delete')}</summary>
      <form method="post" class="form">
        <p>{say('webhook.deleteText', { name })}</p>
        <div class="actions">
          <button type="submit" name="do" value="delete" class="danger">
            {say('webhook.delete')}
          </button>
        </div>
      </form>
    </details>
  </>
);

const show = async (visit: Visit, result?: Result): Promise<View> => {
  const { ask, identity, query } = visit;
  const params = placeOf(visit);
  const { tenant, name } = params;
  const [webhook, page] = await Promise.all([
    ask<Webhook>('getWebhook', { params }),
    ask<z.infer<typeof WebhookDeliveryPage>>('listWebhookDeliveries', {
      params,
      query: { cursor: query['cursor'], limit: '20' },
    }),
  ]);
  const mayChange = may(identity, 'administer');
  return {
    title: `${name} · ${tenant}`,
    body: (
      <>
        <p class="crumbs">
          <a href={pathTo('tenants', tenant)}>{tenant}</a> ·{' '}
          <a href={pathTo('tenants', tenant, 'webhooks')}>{visit.say('webhooks.title')}</a>
        </p>
        <h1>{name}</h1>
        <FormRefusal visit={visit} />
        {result !== undefined && <Tested visit={visit} result={result} />}
        <Standing visit={visit} webhook={webhook} mayChange={mayChange} />
        {mayChange && (
          <section class="card">
            <WebhookForm visit={visit} present={webhook} />
          </section>
        )}
        <Deliveries visit={visit} page={page} mayChange={mayChange} />
        {mayChange && <Ends visit={visit} name={name} />}
      </>
    ),
  };
};

const change = async (visit: Visit): Promise<View | Redirect> => {
  const { ask, form } = visit;
  const params = placeOf(visit);
  const { tenant, name } = params;
  const redirect = pathTo('tenants', tenant, 'webhooks', name);
  const values = { name };
  switch (form.get('do')) {
    case 'test':
      return show(afresh(visit), await ask<Result>('testWebhook', { params }));
    case 'on':
      await ask('patchWebhook', { params, body: { enabled: true } });
      return { redirect, notice: 'webhook.switchedOn', values };
    case 'off':
      await ask('patchWebhook', { params, body: { enabled: false } });
      return { redirect, notice: 'webhook.switchedOff', values };
    case 'rotate':
      return secretView(visit, tenant, await ask<Webhook>('rotateWebhookSecret', { params }));
    case 'again':
      await ask('retryWebhookDelivery', { params: { ...params, id: form.get('delivery') ?? '' } });
      return { redirect, notice: 'deliveries.againNote' };
    case 'delete':
      await ask('deleteWebhook', { params });
      return { redirect: pathTo('tenants', tenant, 'webhooks'), notice: 'webhook.deleted', values };
    default:
      await ask('patchWebhook', { params, body: typedWebhook(visit) });
      return { redirect, notice: 'webhook.saved' };
  }
};

export const WEBHOOK_PAGES: readonly Page[] = [
  WEBHOOK_LIST_PAGE,
  { path: '/tenants/:tenant/webhooks/:name', get: (visit) => show(visit), post: change },
];
