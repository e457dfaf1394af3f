// What is to be done to many emails, as forms and addresses of the console carry it: where, to which, and what.
import { ACTIONS } from '../../../../../libs/administration/bulk/bulk-input';
import type { Visit } from '../../page/page';
import { bulkFilter, readQuery } from '../../query/read-query';
import type { WordKey } from '../../words/all-words';

const RESOLVED_AS = ['sent', 'resend', 'failed'] as const;

/** What can be chosen: the actions of the API, and each way to resolve. */
export const CHOICES = [
  ...ACTIONS.filter((action) => action !== 'resolve'),
  ...RESOLVED_AS.map((as) => `resolve:${as}` as const),
];
export type Choice = (typeof CHOICES)[number];

const isChoice = (text: string | undefined): text is Choice => CHOICES.some((choice) => choice === text);
export const wordOf = (choice: Choice): WordKey => `bulk.${choice}`;

export interface Place {
  tenant: string;
  application?: string;
}

export interface Order {
  /** An operation of its own for each. */
  places: Place[];
  /** As it was typed, and when that was (ms): spans like 7d end there. */
  q: string;
  asOf: number;
  /** Emails that were chosen one by one; none: all that match. */
  ids: string[];
  choice: Choice;
  /** Old domains and new ones. */
  domains: [old: string, next: string][];
  transport: string;
  from: string;
  expiresAfter: string;
}

const slug = /^[a-z0-9][a-z0-9-]*$/;

const placesIn = (texts: string[]): Place[] =>
  texts.flatMap((text) => {
    const [tenant = '', application] = text.split('/');
    if (!slug.test(tenant) || (application !== undefined && !slug.test(application))) return [];
    return [application === undefined ? { tenant } : { tenant, application }];
  });

export const placeText = ({ tenant, application }: Place): string =>
  application === undefined ? tenant : `${tenant}/${application}`;

const pairsIn = (olds: string[], nexts: string[]): Order['domains'] =>
  olds.flatMap((old, index) => {
    const [from, to] = [old.trim().replace(/^@/, ''), (nexts[index] ?? '').trim().replace(/^@/, '')];
    return from === '' || to === '' || from === to ? [] : [[from, to] as [string, string]];
  });

/** Of what is sent by a form of a list, of an incident, or of the page that shows the effect. */
const fromForm = ({ form, now }: Visit): Order => {
  const choice = form.get('action');
  return {
    places: placesIn(form.all('at').flatMap((text) => text.split(','))),
    q: form.get('q') ?? '',
    asOf: Number(form.get('asOf')) || now,
    ids: form.get('which') === 'all' ? [] : form.all('id').flatMap((text) => text.split(',')),
    choice: isChoice(choice) ? choice : 'release',
    domains: pairsIn(form.all('old'), form.all('new')),
    transport: form.get('transport') ?? '',
    from: form.get('from') ?? '',
    expiresAfter: form.get('expiresAfter') ?? '',
  };
};

const split = (text: string | undefined): string[] => (text ? text.split(',') : []);

const fromQuery = ({ query, now }: Visit): Order => {
  const pairs = split(query['replace']).map((pair) => pair.split('='));
  return {
    places: placesIn(split(query['at'])),
    q: query['q'] ?? '',
    asOf: Number(query['asOf']) || now,
    ids: split(query['id']),
    choice: isChoice(query['action']) ? query['action'] : 'release',
    domains: pairs.map(([old = '', next = '']) => [old, next]),
    transport: query['transport'] ?? '',
    from: query['from'] ?? '',
    expiresAfter: query['expiresAfter'] ?? '',
  };
};

export const readOrder = (visit: Visit): Order => (visit.form.isSent ? fromForm(visit) : fromQuery(visit));

/** The same as names and values: of an address, or of hidden fields. */
export const orderFields = (order: Order): Record<string, string> =>
  Object.fromEntries(
    Object.entries({
      at: order.places.map(placeText).join(','),
      q: order.q,
      asOf: String(order.asOf),
      id: order.ids.join(','),
      action: order.choice,
      transport: order.transport,
      from: order.from,
      expiresAfter: order.expiresAfter,
    }).filter(([, value]) => value !== ''),
  );

/** Where the effect of an order is shown. */
export const orderUrl = (order: Order, more: Record<string, string>): string => {
  const replace = order.domains.map((pair) => pair.join('=')).join(',');
  const query = new URLSearchParams({ ...orderFields(order), ...(replace !== '' && { replace }), ...more });
  return `/bulk?${query.toString()}`;
};

/** As the API takes it. */
export const bulkBody = (order: Order, dryRun: boolean): Record<string, unknown> => {
  const { filter } = readQuery(order.q, order.asOf);
  const [action = '', as] = order.choice.split(':');
  const asked = { ...bulkFilter(filter), ...(order.ids.length > 0 && { id: order.ids }) };
  const { transport, from, expiresAfter } = order;
  const patch = Object.fromEntries(
    Object.entries({ transport, from, expiresAfter }).filter(([, value]) => value !== ''),
  );
  return {
    ...(Object.keys(asked).length === 0 ? { all: true } : { filter: asked }),
    action,
    ...(as !== undefined && { as }),
    ...(Object.keys(patch).length > 0 && { patch }),
    ...(order.domains.length > 0 && { replace: { recipientDomain: Object.fromEntries(order.domains) } }),
    ...(dryRun && { dryRun }),
  };
};

export const mends = ({ domains, transport, from, expiresAfter }: Order): boolean =>
  domains.length > 0 || [transport, from, expiresAfter].some((value) => value !== '');
