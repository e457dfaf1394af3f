// Transports of a tenant: put, looked at, deleted.
import { changesBetween } from '../../../../libs/events/field-diff';
import { decideHost } from '../../../../libs/administration/transport-host';
import { Slug, SLUG } from '../../../../libs/mail/address/queue-address';
import { parseInput } from '../../../../libs/mail/input/parse-input';
import { notFound, Problem, problemAt } from '../../../../libs/mail/input/problem';
import type { HostAuthor } from '../../../../libs/mail/login/server';
import { may, type Identity } from '../../../../libs/mail/settings/api-key';
import { defaultMailboxPort } from '../../../../libs/mail/settings/bounce-mailbox';
import { TransportInput, type StoredTransport } from '../../../../libs/mail/settings/transport';
import { keepsLogin, type ServerInput, type StoredServer } from '../../../../libs/mail/settings/transport-login';
import { TransportDetails, TransportList } from '../../answers/transports';
import { mergePatchOf, uncheckedJson } from '../../http/endpoint/body';
import { endpoint, type Asked } from '../../http/endpoint/endpoint';
import { TENANT } from '../../http/endpoint/paths';
import type { RouteDeps } from '../../http/route-deps';
import { readChange, versionGuard } from '../../http/settings-change';
import {
  documentAnswer,
  auditedTransport,
  COMPUTED,
  transportDocument,
  transportVersion,
  transportView,
} from '../../views/settings-documents';
import { wakeQueues } from './tenants';

const TRANSPORTS = `${TENANT}/transports` as const;
export const TRANSPORT = `${TRANSPORTS}/{name}` as const;
export const MAY_READ = { action: 'read', over: 'tenant' } as const;
export const MAY_CHANGE = { action: 'administer', over: 'tenant' } as const;

type Store = Pick<RouteDeps, 'transports'>;
type ChangeDeps = Store &
  Pick<RouteDeps, 'fetcher' | 'mayReachSmtp' | 'breakers' | 'limits' | 'audit' | 'budget'> &
  Parameters<typeof wakeQueues>[0];

/** A server that a transport names: that of SMTP, or its mailbox. */
interface ServerChange {
  input: ServerInput;
  present: StoredServer | undefined;
  /** Where it stands in the document. */
  at: string[];
  /** Whether host or port is named in what was sent. */
  named: boolean;
}

/** By a PUT everything is named. */
const namesMailboxHost = (body: unknown, isPatch: boolean): boolean => {
  const mailbox = (body as { returnPath?: { mailbox?: unknown } | null } | undefined)?.returnPath?.mailbox;
  return !isPatch || (typeof mailbox === 'object' && mailbox !== null && ('host' in mailbox || 'port' in mailbox));
};

const mailboxChange = (
  { returnPath }: TransportInput,
  present: StoredTransport | undefined,
  named: boolean,
): ServerChange | undefined => {
  if (returnPath?.mailbox === undefined) return undefined;
  const { mailbox } = returnPath;
  const input = { ...mailbox, port: mailbox.port ?? defaultMailboxPort(mailbox.security) };
  return { input, present: present?.returnPath?.mailbox, at: ['returnPath', 'mailbox'], named };
};

/**
 * Credentials leave in clear only where the operator said so. What he allowed may be changed by others as long as the same
 * password goes the same way.
 * @throws Problem `plaintext-auth`
 */
const requireCover = (identity: Identity, { input, present, at }: ServerChange): void => {
  if (input.auth === undefined || input.security !== 'none' || may(identity, 'operate')) return;
  if (keepsLogin(present, input)) return;
  throw problemAt(
    'plaintext-auth',
    [...at, 'security'],
    'must be starttls or tls where there are credentials: only the operator may allow them in clear',
  );
};

/** A client's secret and the token leave in clear only within a network that the operator named. @throws Problem `invalid` */
const requireHttps = ({ fetcher }: Pick<RouteDeps, 'fetcher'>, { input: { auth }, at }: ServerChange): void => {
  const url = auth?.oauth2 === undefined ? undefined : new URL(auth.oauth2.tokenUrl);
  if (url === undefined || url.protocol === 'https:' || fetcher.allows(url.hostname)) return;
  throw problemAt(
    'invalid',
    [...at, 'auth', 'oauth2', 'tokenUrl'],
    'must begin with https:, unless the operator allows its host (ROHRPOST_ALLOW_PRIVATE_HOSTS)',
  );
};

/** It must be there and be another one; what is stored already is not asked about. @throws Problem `invalid` */
const requireFallback = (name: string, { fallback }: TransportInput, known: readonly string[] | undefined): void => {
  if (fallback === undefined || known === undefined) return;
  if (fallback === name) throw problemAt('invalid', ['fallback'], 'must be another transport than this one');
  if (!known.includes(fallback))
    throw problemAt('invalid', ['fallback'], `must be a transport of this tenant: put ${fallback} first`);
};

/** PUT and PATCH. */
const change = async (deps: ChangeDeps, asked: Asked<'tenant', typeof TRANSPORT, never, unknown>) => {
  const { identity, tenant, by } = asked;
  const name = parseInput(Slug, asked.params.name, ['name']);
  const none = { identity: { transport: name }, computed: COMPUTED.transport };
  const change = readChange(asked, none, `transport ${name}`);
  const names = change.names('fallback') ? (await deps.transports.list(tenant)).map((one) => one.name) : undefined;
  const { before, after } = await deps.transports.change(
    tenant,
    name,
    (present) => {
      change.requireVersion(present && transportVersion(present));
      const input = parseInput(TransportInput, change.wanted(present && transportDocument(present)));
      const smtp = { input, present, at: [], named: change.names('host', 'port') };
      const mailbox = mailboxChange(input, present, namesMailboxHost(asked.body, change.isPatch));
      const authorOf = (server: ServerChange): HostAuthor | undefined => {
        requireCover(identity, server);
        requireHttps(deps, server);
        return decideHost(identity, deps.mayReachSmtp, server);
      };
      requireFallback(name, input, names);
      return { ...input, hostBy: authorOf(smtp), mailboxHostBy: mailbox && authorOf(mailbox) };
    },
    await deps.budget.bound(tenant, 'maxTransports'),
  );
  await deps.breakers.reset(tenant, name);
  await deps.limits.reset(tenant, name);
  await wakeQueues(deps, tenant);
  await deps.audit.record({
    by,
    what: `transport ${change.isPatch ? 'patched' : 'put'}`,
    tenant,
    target: name,
    fields: changesBetween(before ? transportDocument(before) : {}, auditedTransport(after, before)),
  });
  return documentAnswer(before === undefined ? 201 : 200, transportVersion(after), transportView(name, after));
};

/** @throws Problem `not-found` */
export const existingTransport = async (
  { transports }: Store,
  tenant: string,
  name: string,
): Promise<StoredTransport> => {
  const found = SLUG.test(name) ? await transports.get(tenant, name) : undefined;
  if (found === undefined) throw notFound(`transport ${name}`);
  return found;
};

const changed = { schema: TransportDetails, headers: ['ETag'] } as const;
const CHANGE_PROBLEMS = ['plaintext-auth', 'host-not-allowed', 'secret-missing', 'secret-needed'] as const;

const listTransports = endpoint({
  method: 'get',
  path: TRANSPORTS,
  id: 'listTransports',
  tag: 'Transports',
  summary: 'The transports of a tenant',
  description: 'All of them, without their secrets.',
  may: MAY_READ,
  answers: { 200: { description: 'The transports.', schema: TransportList } },
  async handle({ transports }: Store, { tenant }) {
    const all = await transports.list(tenant);
    return { body: { transports: all.map(({ name, transport }) => transportView(name, transport)) } };
  },
});

const putTransport = endpoint({
  method: 'put',
  path: TRANSPORT,
  id: 'putTransport',
  tag: 'Transports',
  summary: 'Put a transport',
  description:
    'Replaces all its settings; a secret given as `{"set": true}` stays as it is. Connections of before are not used again.',
  may: MAY_CHANGE,
  body: uncheckedJson(TransportInput),
  heeds: ['If-Match'],
  grows: 'sometimes',
  answers: { 200: { description: 'It is changed.', ...changed }, 201: { description: 'It is new.', ...changed } },
  problems: CHANGE_PROBLEMS,
  handle: change,
});

const patchTransport = endpoint({
  method: 'patch',
  path: TRANSPORT,
  id: 'patchTransport',
  tag: 'Transports',
  summary: 'Change settings of a transport',
  description: 'A JSON Merge Patch (RFC 7396): what is not named stays, null takes a setting away.',
  may: MAY_CHANGE,
  body: mergePatchOf(TransportInput),
  heeds: ['If-Match'],
  grows: 'sometimes',
  answers: { 200: { description: 'It is changed.', ...changed } },
  problems: CHANGE_PROBLEMS,
  handle: change,
});

const getTransport = endpoint({
  method: 'get',
  path: TRANSPORT,
  id: 'getTransport',
  tag: 'Transports',
  summary: 'A transport, without its secrets',
  description: 'Of a secret it says only that there is one.',
  may: MAY_READ,
  answers: { 200: { description: 'The transport.', ...changed } },
  async handle(deps: Store, { tenant, params: { name } }) {
    const found = await existingTransport(deps, tenant, name);
    return documentAnswer(200, transportVersion(found), transportView(name, found));
  },
});

const deleteTransport = endpoint({
  method: 'delete',
  path: TRANSPORT,
  id: 'deleteTransport',
  tag: 'Transports',
  summary: 'Delete a transport',
  description:
    'Emails that name it wait until it is put again. One that is the `fallback` of another is not deleted before that one names it no more.',
  may: MAY_CHANGE,
  heeds: ['If-Match'],
  answers: { 204: { description: 'It is gone.' } },
  problems: ['transport-in-use'],
  async handle(
    { transports, audit }: Pick<RouteDeps, 'transports' | 'audit'>,
    { tenant, by, params: { name }, ifMatch },
  ) {
    const requireVersion = versionGuard(ifMatch);
    const users = (await transports.list(tenant)).filter(({ transport }) => transport.fallback === name);
    if (users.length > 0) {
      const names = users.map((one) => one.name).join(', ');
      throw new Problem('transport-in-use', `it is the fallback of ${names}: take it out there first`);
    }
    const removed = await transports.remove(tenant, name, (present) => requireVersion(transportVersion(present)));
    if (removed === undefined) throw notFound(`transport ${name}`);
    await audit.record({
      by,
      what: 'transport deleted',
      tenant,
      target: name,
      fields: changesBetween(transportDocument(removed), {}),
    });
    return { status: 204 };
  },
});

export const TRANSPORT_ENDPOINTS = [listTransports, putTransport, patchTransport, getTransport, deleteTransport];
