// One incident: what went wrong in plain words, which emails it concerns, and the form that mends what they have in common.
import { explainCause, type Incident, type MendKind } from '../../causes/explain-cause';
import { guessDomains, type DomainGuess } from '../../../../../libs/mail/address/guess-domains';
import { Empty } from '../../kit/parts';
import type { Page, Visit } from '../../page/page';
import { MendForm } from '../bulk/mend-fields';
import type { Choice, Order } from '../bulk/order';
import { Facts, FaultLinks, Newest, type Email } from './incident-facts';
import { readIncidents } from './incidents';

/** Emails that are looked at to see what they have in common. */
const LOOKED_AT = 200;
const MOST_INCIDENTS = 1_000;

const emailsOf = async (visit: Visit, tenant: string | undefined, query: Record<string, string>): Promise<Email[]> => {
  const given = { query: { ...query, limit: String(LOOKED_AT) } };
  const found = await (tenant === undefined
    ? visit.ask<{ emails: Email[] }>('listAllEmails', given)
    : visit.ask<{ emails: Email[] }>('listTenantEmails', { ...given, params: { tenant } }));
  return found.emails;
};

/** The addresses that a server refused; of a refusal that named none, all of the email. */
const refusedIn = ({ recipients, to, cc, bcc }: Email): string[] => {
  const refused = (recipients?.refused ?? []).flatMap(({ recipient }) => recipient ?? []);
  return refused.length > 0 ? refused : [...to, ...cc, ...bcc];
};

const guessesFor = async (visit: Visit, tenant: string | undefined, emails: Email[]): Promise<DomainGuess[]> => {
  const sent = await emailsOf(visit, tenant, { state: 'sent' });
  return guessDomains(
    emails.flatMap(refusedIn),
    sent.flatMap(({ to }) => to),
  );
};

const transportsOf = async (visit: Visit, tenants: string[]): Promise<string[]> => {
  const [tenant] = tenants;
  if (tenant === undefined || tenants.length > 1) return [];
  const { transports } = await visit
    .ask<{ transports: { transport: string }[] }>('listTransports', { params: { tenant } })
    .catch(() => ({ transports: [] }));
  return transports.map(({ transport }) => transport);
};

const FIRST: Record<MendKind, 'domains' | 'transport' | 'from' | 'none'> = {
  recipient: 'domains',
  transport: 'transport',
  template: 'none',
  from: 'from',
  content: 'none',
  again: 'none',
};

/** What can be done to emails that stand unsent: those that are tried again by themselves are not released, but sent now. */
const choicesOf = (emails: Email[], { cause }: Incident): Choice[] => [
  ...(emails.some(({ state }) => state === 'deferred')
    ? (['send-now', 'release', 'hold'] as const)
    : (['release', 'send-now'] as const)),
  ...(cause.code === 'uncertain' ? (['resolve:sent', 'resolve:resend', 'resolve:failed'] as const) : []),
  'cancel',
];

/** Where it takes place: a box for each tenant, as operations belong to one. */
const Tenants = ({ visit, tenants }: { visit: Visit; tenants: string[] }) =>
  tenants.length === 1 ? (
    <input type="hidden" name="at" value={tenants[0]} />
  ) : (
    <fieldset>
      <legend>{visit.say('mend.tenants')}</legend>
      {tenants.map((tenant) => (
        <label>
          <input type="checkbox" name="at" value={tenant} checked /> {tenant}
        </label>
      ))}
    </fieldset>
  );

/** A key of one application reaches its queue alone. */
const placesFor = ({ identity }: Visit, { tenants, queues }: Incident): string[] =>
  identity.application === undefined ? tenants : queues;

interface Looked {
  incident: Incident;
  emails: Email[];
  domains: DomainGuess[];
  transports: string[];
}

const Mend = ({ visit, looked }: { visit: Visit; looked: Looked }) => {
  const { say } = visit;
  const { incident, emails, domains, transports } = looked;
  const { mend, what } = explainCause(incident.cause);
  const choices = choicesOf(emails, incident);
  const order: Order = {
    places: [],
    q: `incident:${incident.id}`,
    asOf: visit.now,
    ids: [],
    choice: choices[0] ?? 'release',
    domains: [],
    transport: '',
    from: '',
    expiresAfter: incident.cause.code === 'expired' ? '3d' : '',
  };
  return (
    <section class="card">
      <h2>{say('mend.title')}</h2>
      <p>{say(`mend.lead.${mend}`)}</p>
      {what === 'cause.uncertain' && <p class="warning">{say('mend.warnUncertain')}</p>}
      <FaultLinks visit={visit} incident={incident} mend={mend} />
      <MendForm
        visit={visit}
        order={order}
        choices={choices}
        domains={domains}
        transports={transports}
        first={FIRST[mend]}
        hint={domains.length > 0 ? say('mend.domainsHint', { n: emails.length }) : undefined}
      >
        <Tenants visit={visit} tenants={placesFor(visit, incident)} />
      </MendForm>
    </section>
  );
};

const lookAt = async (visit: Visit, incident: Incident): Promise<Looked> => {
  const { tenant } = visit.query;
  const emails = await emailsOf(visit, tenant, { incident: incident.id });
  const isOfAddresses = explainCause(incident.cause).mend === 'recipient';
  const isOfTenant = incident.tenants.length === 1 && visit.identity.application === undefined;
  const [only] = isOfTenant ? incident.tenants : [];
  const [domains, transports] = await Promise.all([
    isOfAddresses ? guessesFor(visit, tenant ?? only, emails) : [],
    transportsOf(visit, incident.tenants),
  ]);
  return { incident, emails, domains, transports };
};

const mayAct = ({ identity }: Visit): boolean => identity.role === 'operator' || identity.role === 'admin';

const Over = ({ visit }: { visit: Visit }) => (
  <>
    <h1>{visit.say('incident.over')}</h1>
    <Empty>{visit.say('incident.overText')}</Empty>
    <a href="/incidents">{visit.say('incidents.title')}</a>
  </>
);

const incident: Page = {
  path: '/incidents/:id',
  async get(visit) {
    const { say, params } = visit;
    const found = (await readIncidents(visit, MOST_INCIDENTS)).find(({ id }) => id === params['id']);
    if (found === undefined) return { title: say('incident.over'), body: <Over visit={visit} /> };
    const title = say(explainCause(found.cause).what);
    const looked = await lookAt(visit, found);
    return {
      title,
      body: (
        <>
          <p class="crumbs">
            <a href="/incidents">{say('incidents.title')}</a>
          </p>
          <h1>
            {title} · {say('emails.count', { n: found.count })}
          </h1>
          <div class="grid">
            <div>
              <section class="card">
                <Facts visit={visit} incident={found} />
              </section>
              <Newest visit={visit} emails={looked.emails} incident={found} />
            </div>
            {mayAct(visit) && <Mend visit={visit} looked={looked} />}
          </div>
        </>
      ),
    };
  },
};

export const INCIDENT_PAGES: readonly Page[] = [incident];
