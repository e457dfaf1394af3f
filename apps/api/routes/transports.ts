// Transports of a tenant: put, looked at, tried.
import { Router, type Request, type Response } from 'express';
import { may, type Identity } from '../../../libs/mail/settings/api-key';
import { problemAt, notFound } from '../../../libs/mail/input/problem';
import { Slug, SLUG } from '../../../libs/mail/address/queue-address';
import { TransportInput, type StoredTransport } from '../../../libs/mail/settings/transport';
import { keepsLogin } from '../../../libs/mail/settings/transport-login';
import { newOperationId } from '../../../libs/jobs/layout/email-id';
import { param, signatureOf } from '../http/auth';
import { changesBetween } from '../../../libs/administration/field-diff';
import { decideHost } from '../../../libs/administration/transport-host';
import { auditedTransport, COMPUTED, transportDocument, transportVersion, transportView } from '../views/documents';
import type { Rooms } from '../http/rooms';
import { readChange, sendDocument, versionGuard } from '../http/settings-change';
import { wakeQueues } from './tenants';
import { parseInput } from '../../../libs/mail/input/parse-input';

/**
 * Credentials leave in clear only where the operator said so. What he allowed may be changed by others as long as the same
 * password goes the same way.
 * @throws Problem `plaintext-auth`
 */
const requireCover = (identity: Identity, input: TransportInput, present: StoredTransport | undefined): void => {
  if (input.auth === undefined || input.security !== 'none' || may(identity, 'operate')) return;
  if (keepsLogin(present, input)) return;
  throw problemAt(
    'plaintext-auth',
    ['security'],
    'must be starttls or tls where there are credentials: only the operator may allow them in clear',
  );
};

/** A client's secret and the token leave in clear only within a network that the operator named. @throws Problem `invalid` */
const requireHttps = ({ fetcher }: Rooms, { auth }: TransportInput): void => {
  const url = auth?.oauth2 === undefined ? undefined : new URL(auth.oauth2.tokenUrl);
  if (url === undefined || url.protocol === 'https:' || fetcher.allows(url.hostname)) return;
  throw problemAt(
    'invalid',
    ['auth', 'oauth2', 'tokenUrl'],
    'must begin with https:, unless the operator allows its host (ROHRPOST_ALLOW_PRIVATE_HOSTS)',
  );
};

/** PUT and PATCH. */
const change = (rooms: Rooms) => async (request: Request, response: Response) => {
  const { identity, tenant } = await rooms.guard.tenant(request, response, 'administer');
  const name = parseInput(Slug, param(request, 'name'), ['name']);
  const none = { identity: { transport: name }, computed: COMPUTED.transport };
  const asked = readChange(request, response, none, `transport ${name}`);
  const { before, after } = await rooms.transports.change(tenant, name, (present) => {
    asked.requireVersion(present && transportVersion(present));
    const input = parseInput(TransportInput, asked.wanted(present && transportDocument(present)));
    requireCover(identity, input, present);
    requireHttps(rooms, input);
    const hostBy = decideHost(identity, rooms.mayReachSmtp, { present, input, named: asked.names('host', 'port') });
    return { ...input, hostBy };
  });
  await rooms.breakers.reset(tenant, name);
  await rooms.limits.reset(tenant, name);
  await wakeQueues(rooms, tenant);
  await rooms.audit.record({
    by: signatureOf(identity),
    what: `transport ${asked.isPatch ? 'patched' : 'put'}`,
    tenant,
    target: name,
    fields: changesBetween(before ? transportDocument(before) : {}, auditedTransport(after, before)),
  });
  sendDocument(response, before === undefined ? 201 : 200, transportVersion(after), transportView(name, after));
};

export const transportRoutes = (rooms: Rooms): Router => {
  const { guard, transports } = rooms;
  const router = Router({ mergeParams: true });

  /** @throws Problem `not-found` */
  const existing = async (tenant: string, name: string): Promise<StoredTransport> => {
    const found = SLUG.test(name) ? await transports.get(tenant, name) : undefined;
    if (found === undefined) throw notFound(`transport ${name}`);
    return found;
  };

  router.get('/', async (request, response) => {
    const { tenant } = await guard.tenant(request, response, 'read');
    const all = await transports.list(tenant);
    response.json({ transports: all.map(({ name, transport }) => transportView(name, transport)) });
  });

  router.put('/:name', change(rooms));
  router.patch('/:name', change(rooms));

  router.get('/:name', async (request, response) => {
    const { tenant } = await guard.tenant(request, response, 'read');
    const name = param(request, 'name');
    const found = await existing(tenant, name);
    sendDocument(response, 200, transportVersion(found), transportView(name, found));
  });

  router.delete('/:name', async (request, response) => {
    const { identity, tenant } = await guard.tenant(request, response, 'administer');
    const name = param(request, 'name');
    const requireVersion = versionGuard(request);
    const removed = await transports.remove(tenant, name, (present) => requireVersion(transportVersion(present)));
    if (removed === undefined) throw notFound(`transport ${name}`);
    await rooms.audit.record({
      by: signatureOf(identity),
      what: 'transport deleted',
      tenant,
      target: name,
      fields: changesBetween(transportDocument(removed), {}),
    });
    response.status(204).end();
  });

  router.post('/:name/verify', async (request, response) => {
    const { tenant } = await guard.tenant(request, response, 'administer');
    const name = param(request, 'name');
    await existing(tenant, name);
    const id = newOperationId(rooms.clock.now());
    const result = await rooms.orders.verify(id, { tenant, transport: name });
    if (result !== undefined) response.json(result);
    else response.status(202).location(`/v1/operations/${id}`).json({ id, state: 'running' });
  });

  return router;
};
