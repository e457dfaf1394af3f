// All tenants, and a new one; who belongs to one tenant goes straight to it.
import type { z } from 'zod';
import { Problem } from '../../../../../libs/mail/input/problem';
import { may } from '../../../../../libs/mail/settings/api-key';
import type { TenantPage } from '../../../answers/tenants-and-queues';
import { FormRefusal, TextField } from '../../kit/form';
import { Empty, urlWith } from '../../kit/parts';
import { Time } from '../../kit/time';
import type { Page, Redirect, View, Visit } from '../../page/page';
import { pathTo } from '../../kit/paths';

const State = ({ visit, enabled }: { visit: Visit; enabled: boolean }) =>
  enabled ? (
    <span class="good-text">● {visit.say('tenant.active')}</span>
  ) : (
    <span class="state-deferred">‖ {visit.say('tenant.paused')}</span>
  );

const List = ({ visit, page }: { visit: Visit; page: z.infer<typeof TenantPage> }) => {
  const { say } = visit;
  return (
    <div class="scroll">
      <table class="cards" aria-label={say('tenants.title')}>
        <thead>
          <tr>
            <th scope="col">{say('tenants.name')}</th>
            <th scope="col">{say('tenants.sends')}</th>
            <th scope="col">{say('tenants.from')}</th>
            <th scope="col">{say('tenants.changed')}</th>
          </tr>
        </thead>
        <tbody>
          {page.tenants.map(({ tenant, enabled, from, updatedAt }) => (
            <tr>
              <td>
                <a href={pathTo('tenants', tenant)}>{tenant}</a>
              </td>
              <td data-label={say('tenants.sends')}>
                <State visit={visit} enabled={enabled} />
              </td>
              <td data-label={say('tenants.from')}>{from ?? '–'}</td>
              <td data-label={say('tenants.changed')}>
                <Time visit={visit} at={updatedAt} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
};

const show = async (visit: Visit): Promise<View | Redirect> => {
  const { identity, say, query } = visit;
  const { tenant, application } = identity;
  if (tenant !== undefined)
    return { redirect: application === undefined ? pathTo('tenants', tenant) : pathTo('queues', tenant, application) };
  const page = await visit.ask<z.infer<typeof TenantPage>>('listTenants', { query: { cursor: query['cursor'] } });
  return {
    title: say('tenants.title'),
    body: (
      <>
        <h1>{say('tenants.title')}</h1>
        {page.tenants.length === 0 ? <Empty>{say('tenants.none')}</Empty> : <List visit={visit} page={page} />}
        {page.nextCursor !== null && (
          <nav class="pager">
            <a class="button" rel="next" href={urlWith(visit, { cursor: page.nextCursor })}>
              {say('tenants.next')}
            </a>
          </nav>
        )}
        {may(identity, 'operate') && (
          <section class="card">
            <h2>{say('tenants.new')}</h2>
            <FormRefusal visit={visit} />
            <form method="post" class="form">
              <TextField
                visit={visit}
                name="tenant"
                label={say('tenants.name')}
                hint={say('tenants.newHint')}
                more={{ required: true, maxlength: 63, autocomplete: 'off' }}
              />
              <div class="actions">
                <button type="submit" class="primary">
                  {say('tenants.make')}
                </button>
              </div>
            </form>
          </section>
        )}
      </>
    ),
  };
};

const make = async ({ ask, form, say }: Visit): Promise<Redirect> => {
  const name = form.get('tenant') ?? '';
  const isThere = await ask('getTenant', { params: { tenant: name } }).then(
    () => true,
    () => false,
  );
  // A PUT would replace its settings.
  if (isThere)
    throw new Problem('invalid', say('tenants.exists'), [{ path: '/tenant', message: say('tenants.exists') }]);
  await ask('putTenant', { params: { tenant: name }, body: {} });
  return { redirect: pathTo('tenants', name), notice: 'tenants.made', values: { name } };
};

export const TENANT_LIST_PAGE: Page = { path: '/tenants', get: show, post: make };
