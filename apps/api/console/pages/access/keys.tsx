// API keys: who may do what where, issued and revoked; a key itself is shown once.
import type { z } from 'zod';
import type { ApiKeyInput } from '../../../../../libs/mail/settings/api-key';
import type { IssuedKey, KeyList } from '../../../answers/installation';
import { FormRefusal } from '../../kit/form';
import { Copyable, Empty } from '../../kit/parts';
import { Time } from '../../kit/time';
import type { Page, Redirect, View, Visit } from '../../page/page';
import { IssueForm } from './issue-key';

type Key = z.infer<typeof KeyList>['keys'][number];

const isOver = ({ expiresAt }: Key, now: number): boolean => expiresAt !== undefined && Date.parse(expiresAt) <= now;

/** Names of keys by their ids, for who issued whom. */
const issuers = (keys: Key[]) => new Map(keys.map(({ id, name }) => [id, name ?? id]));

const Revoke = ({ visit: { say }, id, name }: { visit: Visit; id: string; name: string }) => (
  <details class="inline-details">
    <summary class="button small">
      {say('key.revoke')} <span class="unseen">{name}</span>
    </summary>
    <form method="post" class="form">
      <input type="hidden" name="id" value={id} />
      <p>{say('key.revokeText', { name })}</p>
      <button type="submit" name="do" value="revoke" class="danger">
        {say('key.revokeNow', { name })}
      </button>
    </form>
  </details>
);

const Role = ({ visit: { say }, one: { role, smtpControl } }: { visit: Visit; one: Key }) => (
  <>
    {role}
    {smtpControl === true && (
      <>
        <br />
        <span class="hint">{say('key.hasSmtpControl')}</span>
      </>
    )}
  </>
);

const Row = ({ visit, one, names }: { visit: Visit; one: Key; names: Map<string, string> }) => {
  const { say, now } = visit;
  const { id, tenant, application, name, expiresAt, addresses, rate, issuedBy, createdAt, lastUsedAt } = one;
  const reach = [tenant ?? say('key.everywhere'), application].filter(Boolean).join(' / ');
  return (
    <tr>
      <td data-label={say('key.name')}>
        <strong>{name ?? '–'}</strong>
        <br />
        <code>{id}</code>
      </td>
      <td data-label={say('key.role')}>
        <Role visit={visit} one={one} />
      </td>
      <td data-label={say('key.reach')}>{reach}</td>
      <td data-label={say('key.issued')}>
        <Time visit={visit} at={createdAt} />
        {issuedBy !== undefined && (
          <>
            <br />
            <span class="hint">{say('key.by', { by: names.get(issuedBy) ?? issuedBy })}</span>
          </>
        )}
      </td>
      <td data-label={say('key.used')}>
        {lastUsedAt === undefined ? say('time.never') : <Time visit={visit} at={lastUsedAt} />}
      </td>
      <td data-label={say('key.expires')}>
        {expiresAt === undefined ? say('time.never') : <Time visit={visit} at={expiresAt} />}
        {isOver(one, now) && <strong class="bad-text"> ▲ {say('key.over')}</strong>}
      </td>
      <td data-label={say('key.bounds')}>
        {addresses === undefined ? say('key.anyAddress') : addresses.join(', ')}
        {rate !== undefined && (
          <>
            <br />
            {say('key.rateLine', { max: rate.max, per: rate.per })}
          </>
        )}
      </td>
      <td>
        {id === visit.identity.id ? (
          <span class="hint">{say('key.yours')}</span>
        ) : (
          <Revoke visit={visit} id={id} name={name ?? id} />
        )}
      </td>
    </tr>
  );
};

const List = ({ visit, keys, all }: { visit: Visit; keys: Key[]; all: Key[] }) => {
  const { say } = visit;
  const names = issuers(all);
  const heads = [
    'key.name',
    'key.role',
    'key.reach',
    'key.issued',
    'key.used',
    'key.expires',
    'key.bounds',
    'key.what',
  ] as const;
  return (
    <div class="scroll">
      <table class="cards" aria-label={say('keys.list')}>
        <thead>
          <tr>
            {heads.map((head) => (
              <th scope="col">{say(head)}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {keys.map((one) => (
            <Row visit={visit} one={one} names={names} />
          ))}
        </tbody>
      </table>
    </div>
  );
};

/** The key has issued others: what becomes of them is decided here. */
const HasIssued = ({ visit }: { visit: Visit }) => {
  const { say, problem, form } = visit;
  if (problem?.code !== 'key-has-issued') return null;
  const id = form.get('id') ?? '';
  return (
    <div class="warning" role="alert">
      <strong>{say('key.hasIssued', { n: Number(problem.extra['issued'] ?? 0), id })}</strong>
      <form method="post" class="form">
        <input type="hidden" name="id" value={id} />
        <input type="hidden" name="do" value="revoke" />
        <div class="actions">
          <button type="submit" name="issued" value="keep">
            {say('key.keepIssued')}
          </button>
          <button type="submit" name="issued" value="revoke" class="danger">
            {say('key.revokeIssued')}
          </button>
        </div>
      </form>
    </div>
  );
};

const show = async (visit: Visit): Promise<View> => {
  const { say, query, problem } = visit;
  const { keys: all } = await visit.ask<z.infer<typeof KeyList>>('listKeys');
  const { tenant } = query;
  const keys = all.filter((key) => tenant === undefined || key.tenant === tenant);
  return {
    title: say('nav.keys'),
    body: (
      <>
        <h1>{tenant === undefined ? say('keys.heading') : say('keys.headingOf', { tenant })}</h1>
        {problem?.code === 'key-has-issued' ? <HasIssued visit={visit} /> : <FormRefusal visit={visit} />}
        {keys.length === 0 ? <Empty>{say('keys.none')}</Empty> : <List visit={visit} keys={keys} all={all} />}
        <section class="card">
          <h2>{say('key.issue')}</h2>
          <IssueForm visit={visit} />
        </section>
      </>
    ),
  };
};

/** Shown in answer to the form itself: it stands in no address, and whoever comes back does not find it. */
const issuedView = (visit: Visit, { key, name, role, id }: z.infer<typeof IssuedKey>): View => {
  const { say } = visit;
  return {
    title: say('key.issuedTitle'),
    status: 201,
    body: (
      <section class="card">
        <h1>{say('key.issuedTitle')}</h1>
        <p class="warning">{say('key.once')}</p>
        <p class="secret">
          <Copyable visit={visit} text={key} />
        </p>
        <p class="hint">
          {role} · {name ?? id}
        </p>
        <a class="button" href="/keys">
          {say('key.back')}
        </a>
      </section>
    ),
  };
};

/** What was typed, as the API takes it; what is empty is left out. */
const typedKey = ({ form }: Visit): Partial<z.input<typeof ApiKeyInput>> => {
  const text = (name: string) => form.get(name) || undefined;
  const addresses = (form.raw('addresses') ?? '').split('\n').flatMap((line) => line.trim() || []);
  const max = text('rate.max');
  const day = text('expiresAt');
  const role = text('role') as z.input<typeof ApiKeyInput>['role'] | undefined;
  const [tenant, application, name] = [text('tenant'), text('application'), text('name')];
  return {
    ...(role && { role }),
    ...(tenant && { tenant }),
    ...(application && { application }),
    ...(name && { name }),
    // To the end of the day.
    ...(day && { expiresAt: /^\d{4}-\d\d-\d\d$/.test(day) ? `${day}T23:59:59Z` : day }),
    ...(addresses.length > 0 && { addresses }),
    ...(text('smtpControl') && { smtpControl: true }),
    ...(max && { rate: { max: Number(max), per: text('rate.per') ?? '1m' } }),
  };
};

const change = async (visit: Visit): Promise<View | Redirect> => {
  const { ask, form } = visit;
  if (form.get('do') === 'issue')
    return issuedView(visit, await ask<z.infer<typeof IssuedKey>>('issueKey', { body: typedKey(visit) }));
  const id = form.get('id') ?? '';
  await ask('revokeKey', { params: { id }, query: { issued: form.get('issued') } });
  return { redirect: '/keys', notice: 'key.revoked', values: { id } };
};

export const KEY_PAGES: readonly Page[] = [{ path: '/keys', get: show, post: change }];
