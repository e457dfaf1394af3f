// Queues: settings, what they hold, pause and resume.
import { Router, type Request, type Response } from 'express';
import { QueueSettings } from '../../../libs/mail/settings';
import { spanMs } from '../../../libs/mail/span';
import { Problem } from '../../../libs/mail/problem';
import { queueName, Slug, type QueueAddress } from '../../../libs/mail/queue-address';
import { AT_ONCE } from '../../../libs/queue/due';
import { readStatus } from '../../../libs/queue/counts';
import type { EmailQueue } from '../../../libs/queue/queues';
import type { RegisteredQueue, Tenants } from '../../../libs/store/tenants';
import { keepOperatorSettings, requireNoSources } from '../operator-settings';
import { identityOf, param, signatureOf } from '../auth';
import { emptyQueue } from '../empty-queue';
import { notFound } from '../errors';
import { parseBody, parseInput, parseQuery } from '../input';
import { pageOf, PageQuery, sortByName, type Page } from '../page';
import type { Rooms } from '../rooms';
import { queueView } from '../view';
import { existingQueue } from './emails';

const viewOf = async (rooms: Rooms, registered: RegisteredQueue) => {
  const { transport } = await rooms.tenants.settings(registered);
  const [status, contentBytes, breaker] = await Promise.all([
    readStatus(rooms.redis, rooms.queues.open(registered)),
    rooms.refs.bytesOf([registered]),
    rooms.breakers.read(registered.tenant, transport),
  ]);
  return { ...queueView(registered, status, contentBytes), breaker: breaker?.state ?? 'closed' };
};

/** What of the settings BullMQ itself has to know: the pause and the rate over all replicas. */
const applySettings = async (rooms: Rooms, queue: EmailQueue, settings: QueueSettings): Promise<void> => {
  const { bull } = queue;
  if (settings.rate === undefined) await bull.removeGlobalRateLimit();
  else await bull.setGlobalRateLimit(settings.rate.max, spanMs(settings.rate.per));
  if (settings.enabled === false) await bull.pause();
  else if (settings.enabled === true) await resumeQueue(rooms, queue);
};

/** Sends again; tells the workers. */
export const resumeQueue = async (rooms: Rooms, queue: EmailQueue): Promise<void> => {
  await queue.bull.resume();
  await rooms.due.announce(queue.name, AT_ONCE);
};

/** Who paused or resumed a queue is kept with it, for `explain`, and in the audit. */
export const notePause = async (
  rooms: Rooms,
  address: QueueAddress,
  by: string,
  what: 'paused' | 'resumed',
): Promise<void> => {
  await rooms.tenants.notePause(address, what === 'paused' ? by : undefined);
  await rooms.audit.record({ by, what: `queue ${what}`, ...address });
};

const change =
  (rooms: Rooms, what: 'paused' | 'resumed', work: (queue: EmailQueue) => Promise<void>) =>
  async (request: Request, response: Response) => {
    const { address, identity } = await rooms.guard.queue(request, response, 'administer');
    await work(await existingQueue(rooms, address));
    await notePause(rooms, address, signatureOf(identity), what);
    const registered = await rooms.tenants.queue(address);
    if (registered !== undefined) response.json(await viewOf(rooms, registered));
  };

const put = (rooms: Rooms) => async (request: Request, response: Response) => {
  const { tenant, application } = { tenant: param(request, 'tenant'), application: param(request, 'application') };
  const address: QueueAddress = { tenant, application };
  await rooms.guard.queue(request, response, 'administer');
  parseInput(Slug, application, ['application']);
  const before = (await rooms.tenants.queue(address))?.settings ?? null;
  const settings = keepOperatorSettings(identityOf(response), parseBody(QueueSettings, request), before);
  const { queue, created } = await rooms.tenants.putQueue(address, settings);
  const by = signatureOf(identityOf(response));
  if (settings.enabled === false) await rooms.tenants.notePause(address, by);
  await rooms.audit.record({ by, what: 'queue put', ...address, fields: { settings: { before, after: settings } } });
  await applySettings(rooms, rooms.queues.open(address), settings);
  response.status(created ? 201 : 200).json(await viewOf(rooms, queue));
};

const remove = (rooms: Rooms) => async (request: Request, response: Response) => {
  const { address } = await rooms.guard.queue(request, response, 'administer');
  const queue = await existingQueue(rooms, address);
  requireNoSources(identityOf(response), (await rooms.tenants.queue(address))?.settings);
  const { counts } = await readStatus(rooms.redis, queue);
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
  await rooms.audit.record({ by, what: 'queue deleted', ...address });
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
    const slugs =
      identity.tenant === undefined ? (await tenants.list()).map(({ tenant }) => tenant) : [identity.tenant];
    const isReached = ({ application }: QueueAddress): boolean =>
      identity.application === undefined || identity.application === application;
    response.json(await listOf(rooms, await queuesAfter(tenants, slugs, page, isReached), page));
  });

  router.get('/:tenant', async (request, response) => {
    const { tenant } = await guard.tenant(request, response, 'read');
    const page = parseQuery(PageQuery, request);
    response.json(await listOf(rooms, await tenants.queues(tenant), page));
  });

  router.get('/:tenant/:application', async (request, response) => {
    const { address } = await guard.queue(request, response, 'read');
    const registered = await tenants.queue(address);
    if (registered === undefined) throw notFound(`queue ${queueName(address)}`);
    response.json(await viewOf(rooms, registered));
  });

  router.put('/:tenant/:application', put(rooms));
  router.delete('/:tenant/:application', remove(rooms));
  router.post(
    '/:tenant/:application/pause',
    change(rooms, 'paused', (queue) => queue.bull.pause()),
  );
  router.post(
    '/:tenant/:application/resume',
    change(rooms, 'resumed', (queue) => resumeQueue(rooms, queue)),
  );
  return router;
};
