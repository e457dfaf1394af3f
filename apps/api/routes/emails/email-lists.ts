// Lists of emails, filtered: of a queue, of all queues of a tenant, of all that a key reaches.
import { z } from 'zod';
import { existingQueue } from '../../../../libs/administration/existing';
import {
  FILTER_FIELDS,
  OneOrMoreIds,
  OneOrMoreStates,
  requireSpan,
  toFilter,
} from '../../../../libs/administration/filter-input';
import { listOver } from '../../../../libs/jobs/read/list-over';
import type { Scope } from '../../../../libs/jobs/read/queues-holding';
import { EmailPage } from '../../answers/emails';
import { endpoint } from '../../http/endpoint/endpoint';
import { EMAILS, TENANT } from '../../http/endpoint/paths';
import { openCursor, sealCursor } from '../../http/page';
import type { RouteDeps } from '../../http/route-deps';
import { emailSummary } from '../../views/email-view';

/** Several states or ids may be repeated, or stand in one parameter with commas between. */
const splitCommas = (given: unknown): unknown => {
  if (typeof given === 'string') return given.includes(',') ? given.split(',') : given;
  return Array.isArray(given)
    ? given.flatMap((one: unknown) => (typeof one === 'string' ? one.split(',') : [one]))
    : given;
};

const ListQuery = z
  .strictObject({
    state: z.preprocess(splitCommas, OneOrMoreStates.optional()).meta({
      description: 'One state or several: repeated, or with commas between.',
    }),
    id: z.preprocess(splitCommas, OneOrMoreIds.optional()).meta({
      description: 'One id of an email or several, likewise; 200 at most.',
    }),
    ...FILTER_FIELDS,
    metadata: FILTER_FIELDS.metadata.meta({
      description: 'Each member is a parameter of its own: `metadata.case=114`.',
      // So that clients write its members as they are named here.
      param: { style: 'form', explode: true },
    }),
    limit: z.coerce.number().int().min(1).max(200).default(50).meta({ description: 'How many a page has at most.' }),
    cursor: z.string().optional().meta({ description: '`nextCursor` of the page before, with the same filters.' }),
  })
  .superRefine((query, context) =>
    requireSpan(query, (path, message) => context.addIssue({ code: 'custom', path: [path], message })),
  );

type ListDeps = Pick<RouteDeps, 'tenants' | 'queues' | 'redis' | 'clock'>;

const scopeName = ({ tenant = '', application = '' }: Scope): string => `${tenant}/${application}`;

/** One page; its cursor holds for the same scope and the same filter alone. */
const answerPage = async (deps: ListDeps, scope: Scope, query: z.infer<typeof ListQuery>) => {
  const { limit, cursor, ...input } = query;
  const filter = toFilter(input);
  const list = `emails ${scopeName(scope)} ${JSON.stringify(Object.entries(filter).sort(([a], [b]) => (a < b ? -1 : 1)))}`;
  const page = await listOver(deps, scope, filter, {
    limit,
    cursor: cursor === undefined ? undefined : openCursor(list, cursor),
    now: deps.clock.now(),
  });
  return {
    body: {
      emails: page.emails.map(({ address, record }) => emailSummary(address, record)),
      nextCursor: page.cursor === undefined ? null : sealCursor(list, page.cursor),
    },
  };
};

const ANSWERS = { 200: { description: 'One page.', schema: EmailPage } } as const;
const FILTERED =
  'Filters are combined. A page may be short, or empty, and still have a cursor: it looks at so much and no more.';

const listEmails = endpoint({
  method: 'get',
  path: EMAILS,
  id: 'listEmails',
  tag: 'Emails',
  summary: 'List emails of a queue, newest first',
  description: `Pages of the emails of a queue. ${FILTERED}`,
  may: { action: 'read', over: 'queue' },
  query: ListQuery,
  answers: ANSWERS,
  async handle(deps: ListDeps, { address, query }) {
    await existingQueue(deps, address);
    return answerPage(deps, address, query);
  },
});

const listTenantEmails = endpoint({
  method: 'get',
  path: `${TENANT}/emails`,
  id: 'listTenantEmails',
  tag: 'Emails',
  summary: 'List emails of all queues of a tenant, newest first',
  description: `As \`listEmails\`, over all queues of the tenant. ${FILTERED}`,
  may: { action: 'read', over: 'tenant' },
  query: ListQuery,
  answers: ANSWERS,
  handle: (deps: ListDeps, { tenant, query }) => answerPage(deps, { tenant }, query),
});

const listAllEmails = endpoint({
  method: 'get',
  path: '/v1/emails',
  id: 'listAllEmails',
  tag: 'Emails',
  summary: 'List emails of all queues that the key reaches, newest first',
  description: `As \`listEmails\`, over all queues: of the installation for an operator, else of the key’s tenant or application. ${FILTERED}`,
  may: { action: 'read', over: 'reach' },
  query: ListQuery,
  answers: ANSWERS,
  handle: (deps: ListDeps, { identity: { tenant, application }, query }) =>
    answerPage(deps, { tenant, application }, query),
});

export const EMAIL_LIST_ENDPOINTS = [listEmails, listTenantEmails, listAllEmails];
