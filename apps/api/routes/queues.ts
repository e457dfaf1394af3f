// Queues: settings, what they hold, pause and resume.
import { Router, type Request, type Response } from 'express';
import { QueueSettings } from '../../../libs/mail/settings/settings';
import { Problem, notFound } from '../../../libs/mail/input/problem';
import { queueName, Slug, type QueueAddress } from '../../../libs/mail/address/queue-address';
import { readStatus } from '../../../libs/jobs/read/counts';
import type { RegisteredQueue, Tenants } from '../../../libs/store/registries/tenants';
import { keepOperatorSettings, requireNoSources } from '../../../libs/administration/operator-settings';
import { identityOf, signatureOf } from '../http/auth';
import { changesBetween } from '../../../libs/administration/field-diff';
import { COMPUTED, queueDocument, queueVersion } from '../views/documents';
import { parseBody, parseQuery } from '../http/input';
import { checkNames, pageOf, PageQuery, sortByName, type Page } from '../http/page';
import { applySettings, noteFor, PauseInput, setPaused } from '../../../libs/administration/pause';
import type { Rooms } from '../http/rooms';
import { readChange, sendDocument, versionGuard } from '../http/settings-change';
import { queueView } from '../views/view';
import { parseInput } from '../../../libs/mail/input/parse-input';
import { emptyQueue } from '../../../libs/jobs/transitions/empty-queue';
import { existingQueue } from '../../../libs/administration/existing';

const viewOf = async (rooms: Rooms, registered: RegisteredQueue) => {
  const { transport } = await rooms.tenants.settings(registered);
  const [status, contentBytes, breaker] = await Promise.all([
    readStatus(rooms.redis, rooms.queues.open(registered), rooms.clock.now()),
    rooms.refs.bytesOf([registered]),
    rooms.breakers.read(registered.tenant, transport),
  ]);
  return { ...queueView(registered, status, contentBytes), breaker: breaker?.state ?? 'closed' };
};

const sendQueue = async (rooms: Rooms, response: Response, status: number, queue: RegisteredQueue): Promise<void> =>
  sendDocument(response, status, queueVersion(queue), await viewOf(rooms, queue));

const pauseOrResume = (rooms: Rooms, paused: boolean) => async (request: Request, response: Response) => {
  const { address, identity } = await rooms.guard.queue(request, response, 'administer');
  const { reason } = parseBody(PauseInput, request);
  const guard = versionGuard(request);
  await setPaused(rooms, address, paused, { by: signatureOf(identity), reason }, (present) =>
    guard(queueVersion(present)),
  );
  const registered = await rooms.tenants.queue(address);
  if (registered !== undefined) await sendQueue(rooms, response, 200, registered);
};

/** PUT and PATCH. */
const change = (rooms: Rooms) => async (request: Request, response: Response) => {
  const { identity, address } = await rooms.guard.queue(request, response, 'administer');
  parseInput(Slug, address.application, ['application']);
  const none = { identity: { ...address }, computed: COMPUTED.queue };
  const asked = readChange(request, response, none, `queue ${queueName(address)}`);
  const by = signatureOf(identity);
  const { before, after } = await rooms.tenants.changeQueue(address, (present) => {
    asked.requireVersion(present && queueVersion(present));
    const given = parseInput(QueueSettings, asked.wanted(present && queueDocument(present.settings)));
    // A pause is lifted by whoever says so, never by who leaves it out.
    const enabled = given.enabled ?? (asked.isPatch ? undefined : present?.settings.enabled);
    const settings = keepOperatorSettings(
      identity,
      { ...given, ...(enabled !== undefined && { enabled }) },
      present?.settings,
      asked.isPatch,
    );
    return { settings, ...noteFor(settings, present, by, rooms.clock.now()) };
  });
  await rooms.audit.record({
    by,
    what: `queue ${asked.isPatch ? 'patched' : 'put'}`,
    ...address,
    fields: changesBetween(before ? queueDocument(before.settings) : {}, queueDocument(after.settings)),
  });
  const body = (request.body ?? {}) as object;
  await applySettings(rooms, rooms.queues.open(address), { pause: 'enabled' in body });
  await sendQueue(rooms, response, before === undefined ? 201 : 200, after);
};

const remove = (rooms: Rooms) => async (request: Request, response: Response) => {
  const { address } = await rooms.guard.queue(request, response, 'administer');
  const queue = await existingQueue(rooms, address);
  const present = await rooms.tenants.queue(address);
  versionGuard(request)(present && queueVersion(present));
  requireNoSources(identityOf(response), present?.settings);
  const { counts } = await readStatus(rooms.redis, queue, rooms.clock.now());
  const unsent = counts.scheduled + counts.queued + counts.sending + counts.deferred;
  if (unsent > 0) {
    throw new Problem(
      'queue-not-empty',
      `${unsent} emails of this queue are not sent yet: let them be sent or cancel them first`,
    );
  }
  const by = signatureOf(identityOf(response));
  await emptyQueue(rooms, queue, (id) => rooms.mailLog.changed({ id, address }, { by, what: 'erased' }));
  // Last: what is still known can be deleted again where this was interrupted.
  await rooms.tenants.removeQueue(address);
  await rooms.audit.record({
    by,
    what: 'queue deleted',
    ...address,
    fields: changesBetween(present ? queueDocument(present.settings) : {}, {}),
  });
  rooms.queues.forget(address);
  response.status(204).end();
};

const pathOf = ({ tenant, application }: QueueAddress): string => `${tenant}/${application}`;

/** Tenants whose queues are asked for at once. */
const TENANTS_AT_ONCE = 50;

/** Queues after the cursor, tenant by tenant until there are more than the page takes. */
const queuesAfter = async (
  tenants: Tenants,
  slugs: string[],
  { limit, cursor = '' }: Page,
  isReached: (queue: QueueAddress) => boolean,
): Promise<RegisteredQueue[]> => {
  // `0` comes right after `/`: all queues of a tenant sort before it.
  const rest = sortByName(slugs, (slug) => `${slug}/`).filter((slug) => `${slug}0` > cursor);
  const found: RegisteredQueue[] = [];
  for (let from = 0; from < rest.length && found.length <= limit; from += TENANTS_AT_ONCE) {
    const some = await Promise.all(rest.slice(from, from + TENANTS_AT_ONCE).map((slug) => tenants.queues(slug)));
    found.push(...some.flat().filter((queue) => isReached(queue) && pathOf(queue) > cursor));
  }
  return found;
};

const listOf = async (rooms: Rooms, all: RegisteredQueue[], asked: Page) => {
  const { page, nextCursor } = pageOf(all, pathOf, asked);
  return { queues: await Promise.all(page.map((queue) => viewOf(rooms, queue))), nextCursor };
};

export const queueRoutes = (rooms: Rooms): Router => {
  const { guard, tenants } = rooms;
  const router = Router();

  router.get('/', async (request, response) => {
    const identity = identityOf(response);
    const page = parseQuery(PageQuery, request);
    checkNames(page, { parts: 2 });
    const slugs =
      identity.tenant === undefined ? (await tenants.list()).map(({ tenant }) => tenant) : [identity.tenant];
    const isReached = ({ application }: QueueAddress): boolean =>
      identity.application === undefined || identity.application === application;
    response.json(await listOf(rooms, await queuesAfter(tenants, slugs, page, isReached), page));
  });

  router.get('/:tenant', async (request, response) => {
    const { tenant } = await guard.tenant(request, response, 'read');
    const page = parseQuery(PageQuery, request);
    checkNames(page, { parts: 2, first: tenant });
    response.json(await listOf(rooms, await tenants.queues(tenant), page));
  });

  router.get('/:tenant/:application', async (request, response) => {
    const { address } = await guard.queue(request, response, 'read');
    const registered = await tenants.queue(address);
    if (registered === undefined) throw notFound(`queue ${queueName(address)}`);
    await sendQueue(rooms, response, 200, registered);
  });

  router.put('/:tenant/:application', change(rooms));
  router.patch('/:tenant/:application', change(rooms));
  router.delete('/:tenant/:application', remove(rooms));
  router.post('/:tenant/:application/pause', pauseOrResume(rooms, true));
  router.post('/:tenant/:application/resume', pauseOrResume(rooms, false));
  return router;
};
