// The suppression list of a tenant: looked through, added to, taken from.
import type { z } from 'zod';
import { may } from '../../../../../libs/mail/settings/api-key';
import type { SuppressionDetails, SuppressionPage } from '../../../answers/suppressions';
import { FormRefusal, TextField } from '../../kit/form';
import { Empty, Pager } from '../../kit/parts';
import { pathTo } from '../../kit/paths';
import { Time } from '../../kit/time';
import { tenantOf, type Download, type Page, type Redirect, type View, type Visit } from '../../page/page';

type Suppressed = z.infer<typeof SuppressionDetails>;

const Remove = ({ visit: { say }, address }: { visit: Visit; address: string }) => (
  <details class="inline-details">
    <summary class="button small">
      {say('suppressions.remove')} <span class="unseen">{address}</span>
    </summary>
    <form method="post" class="form">
      <input type="hidden" name="remove" value={address} />
      <p>{say('suppressions.removeText', { address })}</p>
      <button type="submit" name="do" value="remove" class="danger">
        {say('suppressions.remove')}
      </button>
    </form>
  </details>
);

const Row = ({ visit, one, mayChange }: { visit: Visit; one: Suppressed; mayChange: boolean }) => {
  const { say } = visit;
  const { address, reason, source, at, by } = one;
  return (
    <tr>
      <td data-label={say('suppressions.address')}>
        <strong>{address}</strong>
      </td>
      <td data-label={say('suppressions.reason')}>{reason ?? '–'}</td>
      <td data-label={say('suppressions.source')}>
        {say(`suppressions.${source}`)}
        <br />
        <span class="hint">{say('suppressions.by', { by })}</span>
      </td>
      <td data-label={say('suppressions.since')}>
        <Time visit={visit} at={at} />
      </td>
      {mayChange && (
        <td>
          <Remove visit={visit} address={address} />
        </td>
      )}
    </tr>
  );
};

const List = ({ visit, all, mayChange }: { visit: Visit; all: Suppressed[]; mayChange: boolean }) => {
  const { say } = visit;
  const heads = ['suppressions.address', 'suppressions.reason', 'suppressions.source', 'suppressions.since'] as const;
  return (
    <div class="scroll">
      <table class="cards" aria-label={say('suppressions.title')}>
        <thead>
          <tr>
            {heads.map((head) => (
              <th scope="col">{say(head)}</th>
            ))}
            {mayChange && <th scope="col">{say('suppressions.what')}</th>}
          </tr>
        </thead>
        <tbody>
          {all.map((one) => (
            <Row visit={visit} one={one} mayChange={mayChange} />
          ))}
        </tbody>
      </table>
    </div>
  );
};

const Find = ({ visit }: { visit: Visit }) => {
  const { say, query } = visit;
  return (
    <form method="get" class="row card">
      <label for="prefix">{say('suppressions.find')}</label>
      <input id="prefix" name="prefix" type="search" value={query['prefix'] ?? ''} />
      <button type="submit">{say('suppressions.search')}</button>
      <a class="button" href={`${visit.path}?as=csv`} download>
        {say('suppressions.export')}
      </a>
    </form>
  );
};

const Add = ({ visit }: { visit: Visit }) => {
  const { say } = visit;
  return (
    <section class="card">
      <h2>{say('suppressions.add')}</h2>
      <form method="post" class="form">
        <TextField
          visit={visit}
          name="address"
          label={say('suppressions.address')}
          more={{ required: true, inputmode: 'email', autocomplete: 'off' }}
        />
        <TextField
          visit={visit}
          name="reason"
          label={say('suppressions.reason')}
          hint={say('suppressions.reasonHint')}
          optional
          more={{ maxlength: 500 }}
        />
        <div class="actions">
          <button type="submit" name="do" value="add" class="primary">
            {say('suppressions.addNow')}
          </button>
        </div>
      </form>
    </section>
  );
};

const show = async (visit: Visit): Promise<View> => {
  const { say, ask, identity, query } = visit;
  const tenant = tenantOf(visit);
  const { prefix, cursor } = query;
  const page = await ask<z.infer<typeof SuppressionPage>>('listSuppressions', {
    params: { tenant },
    query: { prefix, cursor },
  });
  const mayChange = may(identity, 'administer');
  return {
    title: `${say('suppressions.title')} · ${tenant}`,
    body: (
      <>
        <p class="crumbs">
          <a href={pathTo('tenants', tenant)}>{tenant}</a>
        </p>
        <h1>{say('suppressions.title')}</h1>
        <p>{say('suppressions.text', { tenant })}</p>
        <FormRefusal visit={visit} />
        <Find visit={visit} />
        {page.suppressions.length === 0 ? (
          <Empty>{say(prefix ? 'suppressions.nothing' : 'suppressions.none')}</Empty>
        ) : (
          <List visit={visit} all={page.suppressions} mayChange={mayChange} />
        )}
        <Pager visit={visit} next={page.nextCursor} />
        {mayChange && <Add visit={visit} />}
      </>
    ),
  };
};

const exportList = async (visit: Visit): Promise<Download> => {
  const { write, headers = {} } = await visit.ask.answer('exportSuppressions', { params: { tenant: tenantOf(visit) } });
  return { type: 'text/csv; charset=utf-8', headers, body: async (response) => write?.(response) };
};

const change = async (visit: Visit): Promise<Redirect> => {
  const { ask, form } = visit;
  const tenant = tenantOf(visit);
  const here = pathTo('tenants', tenant, 'suppressions');
  if (form.get('do') === 'remove') {
    const address = form.get('remove') ?? '';
    await ask('deleteSuppression', { params: { tenant, address } });
    return { redirect: here, notice: 'suppressions.removed', values: { address } };
  }
  const [address, reason] = [form.get('address') ?? '', form.get('reason')];
  await ask('putSuppression', { params: { tenant, address }, body: reason ? { reason } : {} });
  return { redirect: here, notice: 'suppressions.added', values: { address } };
};

export const SUPPRESSIONS_PAGES: readonly Page[] = [
  {
    path: '/tenants/:tenant/suppressions',
    get: (visit) => (visit.query['as'] === 'csv' ? exportList(visit) : show(visit)),
    post: change,
  },
];
