// The webhooks of a tenant, and a new one.
import type { z } from 'zod';
import { Problem } from '../../../../../libs/mail/input/problem';
import { may } from '../../../../../libs/mail/settings/api-key';
import type { WebhookList } from '../../../answers/webhooks';
import { FormRefusal } from '../../kit/form';
import { Copyable, Empty } from '../../kit/parts';
import { pathTo } from '../../kit/paths';
import { tenantOf, type Page, type View, type Visit } from '../../page/page';
import { typedWebhook, WebhookForm, type Webhook } from './webhook-form';

/** Whether it is told of what happens, and why not. */
export const WebhookStanding = ({ visit: { say }, webhook }: { visit: Visit; webhook: Webhook }) => {
  const { enabled, disabled, failingSince, waiting } = webhook;
  if (!enabled)
    return (
      <span class={disabled === undefined ? 'hint' : 'bad-text'}>
        ‖ {disabled === undefined ? say('webhooks.off') : say('webhook.offBecause', { text: disabled.text })}
      </span>
    );
  return (
    <span class={failingSince === undefined ? 'good-text' : 'bad-text'}>
      {failingSince === undefined ? '●' : '▲'} {say('webhooks.on')}, {say('webhooks.waiting', { n: waiting })}
    </span>
  );
};

const show = async (visit: Visit): Promise<View> => {
  const { say, ask, identity } = visit;
  const tenant = tenantOf(visit);
  const { webhooks } = await ask<z.infer<typeof WebhookList>>('listWebhooks', { params: { tenant } });
  return {
    title: `${say('webhooks.title')} · ${tenant}`,
    body: (
      <>
        <p class="crumbs">
          <a href={pathTo('tenants', tenant)}>{tenant}</a>
        </p>
        <h1>{say('webhooks.title')}</h1>
        <p>{say('webhooks.text', { tenant })}</p>
        <FormRefusal visit={visit} />
        {webhooks.length === 0 && <Empty>{say('webhooks.none')}</Empty>}
        <ul class="plain">
          {webhooks.map((webhook) => (
            <li>
              <a href={pathTo('tenants', tenant, 'webhooks', webhook.webhook)}>{webhook.webhook}</a>{' '}
              <span class="hint">{webhook.url}</span> <WebhookStanding visit={visit} webhook={webhook} />
            </li>
          ))}
        </ul>
        {may(identity, 'administer') && (
          <section class="card">
            <h2>{say('webhooks.new')}</h2>
            <WebhookForm visit={visit} />
          </section>
        )}
      </>
    ),
  };
};

/** Shown in answer to the form itself: the secret stands in no address, and whoever comes back does not find it. */
export const secretView = (visit: Visit, tenant: string, { webhook, secret }: Webhook): View => {
  const { say } = visit;
  return {
    title: say('webhook.secret'),
    status: 201,
    body: (
      <section class="card">
        <h1>{say('webhook.secret')}</h1>
        <p class="warning">{say('webhook.secretOnce')}</p>
        <p class="secret">
          <Copyable visit={visit} text={typeof secret === 'string' ? secret : ''} />
        </p>
        <a class="button" href={pathTo('tenants', tenant, 'webhooks', webhook)}>
          {say('webhook.back')}
        </a>
      </section>
    ),
  };
};

const make = async (visit: Visit): Promise<View> => {
  const { ask, form, say } = visit;
  const tenant = tenantOf(visit);
  const name = form.get('name') ?? '';
  const { webhooks } = await ask<z.infer<typeof WebhookList>>('listWebhooks', { params: { tenant } });
  // It would be replaced.
  if (webhooks.some(({ webhook }) => webhook === name))
    throw new Problem('invalid', say('webhooks.exists'), [{ path: '/name', message: say('webhooks.exists') }]);
  const typed = Object.entries(typedWebhook(visit)).filter(([, value]) => value !== null);
  const body = Object.fromEntries(typed);
  return secretView(visit, tenant, await ask<Webhook>('putWebhook', { params: { tenant, name }, body }));
};

export const WEBHOOK_LIST_PAGE: Page = { path: '/tenants/:tenant/webhooks', get: show, post: make };
