// A transport: how it is, a try of it, its settings; and a new one.
import type { z } from 'zod';
import { Problem } from '../../../../../libs/mail/input/problem';
import { may } from '../../../../../libs/mail/settings/api-key';
import type { OperationBegun } from '../../../answers/operations';
import type { TransportState, VerifyResult } from '../../../answers/transports';
import { FormRefusal } from '../../kit/form';
import { pathTo } from '../../kit/paths';
import { Conflicts, editing } from '../../kit/settings-form';
import { Time } from '../../kit/time';
import { TransportStanding } from '../../kit/transport-standing';
import { afresh } from '../../page/form';
import type { Page, Redirect, View, Visit } from '../../page/page';
import { TestResult } from './test-result';
import { TRANSPORT_FIELDS } from './transport-fields';
import { TransportForm, type Transport } from './transport-form';
import { transportPatch, withoutNulls } from './transport-patch';

type Result = z.infer<typeof VerifyResult>;
type State = z.infer<typeof TransportState>;

const placeOf = ({ params }: Visit) => ({ tenant: params['tenant'] ?? '', name: params['name'] ?? '' });

const Crumbs = ({ visit: { say }, tenant }: { visit: Visit; tenant: string }) => (
  <p class="crumbs">
    <a href={pathTo('tenants', tenant)}>{tenant}</a> · {say('tenant.transports')}
  </p>
);

/** Why it was refused: where a secret is needed again, in our words too. */
const Refused = ({ visit }: { visit: Visit }) => (
  <>
    {visit.problem?.code !== 'version-mismatch' && <FormRefusal visit={visit} />}
    {visit.problem?.code === 'secret-needed' && <p class="warning">{visit.say('transport.secretNeeded')}</p>}
  </>
);

const Standing = ({ visit, state }: { visit: Visit; state: State }) => {
  const { say, identity } = visit;
  const isWell = state.down === undefined && state.lowered === undefined;
  return (
    <section class="card">
      <div class="row apart">
        <div>
          {isWell && <p class="good-text">● {say('standing.well')}</p>}
          <TransportStanding visit={visit} state={state} />
          {state.down !== undefined && (
            <p class="hint">
              {say('standing.next')} <Time visit={visit} at={state.down.nextTryAt} />
            </p>
          )}
        </div>
        {may(identity, 'administer') && (
          <form method="post">
            <button type="submit" name="do" value="test" data-busy={say('test.running')}>
              {say('test.button')}
            </button>
          </form>
        )}
      </div>
    </section>
  );
};

/** How the mailbox that reports come to was last read. */
const MailboxStanding = ({ visit, mailbox }: { visit: Visit; mailbox: State['mailbox'] }) => {
  if (mailbox === undefined) return null;
  const { say, identity } = visit;
  const { checkedAt, nextCheckAt, reports, failing, note } = mailbox;
  return (
    <section class="card">
      <h2>{say('mailbox.title')}</h2>
      {failing !== undefined && <p class="warning">{failing.words}</p>}
      {note !== undefined && <p class="warning">{note}</p>}
      <p>
        {checkedAt === undefined ? say('mailbox.never') : say('mailbox.checked')}{' '}
        {checkedAt !== undefined && <Time visit={visit} at={checkedAt} />} · {say('mailbox.next')}{' '}
        <Time visit={visit} at={nextCheckAt} /> · {say('mailbox.reports', { count: reports })}
      </p>
      {may(identity, 'administer') && (
        <form method="post">
          <button type="submit" name="do" value="check-mailbox">
            {say('mailbox.check')}
          </button>
        </form>
      )}
    </section>
  );
};

const Delete = ({ visit: { say, identity }, name }: { visit: Visit; name: string }) =>
  may(identity, 'administer') ? (
    <details class="card">
      <summary>{say('transport.delete')}</summary>
      <form method="post" class="form">
        <p>{say('transport.deleteText', { name })}</p>
        <div class="actions">
          <button type="submit" name="do" value="delete" class="danger">
            {say('transport.delete')}
          </button>
        </div>
      </form>
    </details>
  ) : null;

const view = async (visit: Visit, result?: Result): Promise<View> => {
  const { tenant, name } = placeOf(visit);
  const params = { tenant, name };
  const [{ body, headers }, state] = await Promise.all([
    visit.ask.answer('getTransport', { params }),
    visit.ask<State>('getTransportState', { params }),
  ]);
  const present = body as Transport;
  const edit = editing(visit, TRANSPORT_FIELDS, present, headers?.ETag ?? '');
  return {
    title: `${name} · ${tenant}`,
    body: (
      <>
        <Crumbs visit={visit} tenant={tenant} />
        <h1>{visit.say('transport.title', { name })}</h1>
        <Refused visit={visit} />
        <Conflicts edit={edit} />
        {result !== undefined && <TestResult visit={visit} result={result} />}
        <Standing visit={visit} state={state} />
        <MailboxStanding visit={visit} mailbox={state.mailbox} />
        <section class="card">
          <TransportForm edit={edit} present={present} />
        </section>
        <Delete visit={visit} name={name} />
      </>
    ),
  };
};

/** Tries it. What takes longer than a request goes on at its own page. */
const test = async (visit: Visit): Promise<View | Redirect> => {
  const { status, body } = await visit.ask.answer('verifyTransport', { params: placeOf(visit) });
  if (status === 202)
    return { redirect: pathTo('operations', (body as z.infer<typeof OperationBegun>).id), notice: 'test.longer' };
  return view(afresh(visit), body as Result);
};

const save = async (visit: Visit): Promise<boolean> => {
  const patch = transportPatch(visit);
  if (Object.keys(patch).length === 0) return false;
  const ifMatch = visit.form.get('version');
  await visit.ask('patchTransport', { params: placeOf(visit), body: patch, ...(ifMatch && { ifMatch }) });
  return true;
};

const change = async (visit: Visit): Promise<View | Redirect> => {
  const { tenant, name } = placeOf(visit);
  const here = pathTo('tenants', tenant, 'transports', name);
  switch (visit.form.get('do')) {
    case 'test':
      return test(visit);
    case 'save-test':
      await save(visit);
      return test(visit);
    case 'check-mailbox':
      await visit.ask('checkBounceMailbox', { params: { tenant, name } });
      return { redirect: here, notice: 'mailbox.asked' };
    case 'delete':
      await visit.ask('deleteTransport', { params: { tenant, name } });
      return { redirect: pathTo('tenants', tenant), notice: 'transport.deleted', values: { name } };
    default:
      return { redirect: here, notice: (await save(visit)) ? 'transport.saved' : 'tenant.unchanged' };
  }
};

const showNew = async (visit: Visit): Promise<View> => {
  const tenant = placeOf(visit).tenant;
  await visit.ask('getTenant', { params: { tenant } });
  const edit = editing(
    visit,
    TRANSPORT_FIELDS,
    { security: 'starttls', returnPath: { mailbox: { security: 'tls', processed: 'seen' } } },
    '',
  );
  return {
    title: visit.say('tenant.newTransport'),
    body: (
      <>
        <Crumbs visit={visit} tenant={tenant} />
        <h1>{visit.say('tenant.newTransport')}</h1>
        <Refused visit={visit} />
        <section class="card">
          <TransportForm edit={edit} present={undefined} />
        </section>
      </>
    ),
  };
};

const make = async (visit: Visit): Promise<Redirect> => {
  const { ask, form, say } = visit;
  const { tenant } = placeOf(visit);
  const name = form.get('transport') ?? '';
  const params = { tenant, name };
  const isThere = await ask('getTransport', { params }).then(
    () => true,
    () => false,
  );
  // A PUT would replace its settings.
  if (isThere)
    throw new Problem('invalid', say('transport.exists'), [{ path: '/name', message: say('transport.exists') }]);
  const body = { security: form.get('security'), ...withoutNulls(transportPatch(visit)) };
  await ask('putTransport', { params, body });
  return { redirect: pathTo('tenants', tenant, 'transports', name), notice: 'transport.made', values: { name } };
};

export const TRANSPORT_PAGES: readonly Page[] = [
  { path: '/tenants/:tenant/transports/:name', get: (visit) => view(visit), post: change },
  { path: '/tenants/:tenant/new-transport', get: showNew, post: make },
];
