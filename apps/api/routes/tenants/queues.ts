// Queues: settings, what they hold, pause and resume.
import { existingQueue } from '../../../../libs/administration/existing';
import { changesBetween } from '../../../../libs/events/field-diff';
import { keepOperatorSettings, requireDeletable } from '../../../../libs/administration/operator-settings';
import { applySettings, noteFor, PauseInput, setPaused, type PauseDeps } from '../../../../libs/administration/pause';
import { readStatus } from '../../../../libs/jobs/read/counts';
import { readArchiveState } from '../../../../libs/jobs/traces/archive-copies';
import { emptyQueue, type EmptyQueueDeps } from '../../../../libs/jobs/transitions/empty-queue';
import { queueName, Slug, type QueueAddress } from '../../../../libs/mail/address/queue-address';
import { parseInput } from '../../../../libs/mail/input/parse-input';
import { notFound, Problem } from '../../../../libs/mail/input/problem';
import { QueueSettings } from '../../../../libs/mail/settings/settings';
import type { RegisteredQueue } from '../../../../libs/store/registries/tenants';
import { QueueDetails } from '../../answers/tenants-and-queues';
import { mergePatchOf, optionalJson, uncheckedJson } from '../../http/endpoint/body';
import { endpoint, type Answer, type Asked } from '../../http/endpoint/endpoint';
import { QUEUE } from '../../http/endpoint/paths';
import type { RouteDeps } from '../../http/route-deps';
import { requirePostable } from './postable';
import { readChange, versionGuard } from '../../http/settings-change';
import { documentAnswer, COMPUTED, queueDocument, queueVersion } from '../../views/settings-documents';
import { viewOfQueue, type QueueViewDeps } from '../../views/queue-view';

const MAY_CHANGE = { action: 'administer', over: 'queue' } as const;

type ChangeDeps = QueueViewDeps & PauseDeps;
type PutDeps = ChangeDeps & Pick<RouteDeps, 'budget' | 'fetcher'>;

const queueAnswer = async (deps: QueueViewDeps, status: number, queue: RegisteredQueue): Promise<Answer> =>
  documentAnswer(status, queueVersion(queue), await viewOfQueue(deps, queue));

/** The queue of the path as it is now. @throws Problem `not-found` */
const presentQueue = async (deps: QueueViewDeps, address: QueueAddress): Promise<Answer> => {
  const registered = await deps.tenants.queue(address);
  if (registered === undefined) throw notFound(`queue ${queueName(address)}`);
  return queueAnswer(deps, 200, registered);
};

/** PUT and PATCH. */
const change = async (deps: PutDeps, asked: Asked<'queue', typeof QUEUE, never, unknown>): Promise<Answer> => {
  const { identity, address, by } = asked;
  parseInput(Slug, address.application, ['application']);
  const none = { identity: { ...address }, computed: COMPUTED.queue };
  const change = readChange(asked, none, `queue ${queueName(address)}`);
  const { before, after } = await deps.tenants.changeQueue(
    address,
    (present) => {
      change.requireVersion(present && queueVersion(present));
      const given = parseInput(QueueSettings, change.wanted(present && queueDocument(present.settings)));
      const { url } = given.archiveTo ?? {};
      // One that was allowed when it was put does not keep other settings from being changed.
      if (url !== undefined && url !== present?.settings.archiveTo?.url)
        requirePostable(deps, url, ['archiveTo', 'url']);
      deps.tenants.requireRetries(given, present?.settings);
      // A pause is lifted by whoever says so, never by who leaves it out.
      const enabled = given.enabled ?? (change.isPatch ? undefined : present?.settings.enabled);
      const settings = keepOperatorSettings(
        identity,
        { ...given, ...(enabled !== undefined && { enabled }) },
        present?.settings,
        change.isPatch,
      );
      return { settings, ...noteFor(settings, present, by, deps.clock.now()) };
    },
    await deps.budget.bound(address.tenant, 'maxQueues'),
  );
  await deps.audit.record({
    by,
    what: `queue ${change.isPatch ? 'patched' : 'put'}`,
    ...address,
    fields: changesBetween(before ? queueDocument(before.settings) : {}, queueDocument(after.settings)),
  });
  await applySettings(deps, deps.queues.open(address), { pause: 'enabled' in (asked.body as object) });
  return queueAnswer(deps, before === undefined ? 201 : 200, after);
};

const changed = { schema: QueueDetails, headers: ['ETag'] } as const;

const getQueue = endpoint({
  method: 'get',
  path: QUEUE,
  id: 'getQueue',
  tag: 'Queues',
  summary: 'A queue, its settings and counts',
  description: 'The settings that were put, how many emails it holds in each state, and whether its transport is up.',
  may: { action: 'read', over: 'queue' },
  answers: { 200: { description: 'The queue.', ...changed } },
  handle: (deps: QueueViewDeps, { address }) => presentQueue(deps, address),
});

const putQueue = endpoint({
  method: 'put',
  path: QUEUE,
  id: 'putQueue',
  tag: 'Queues',
  summary: 'Put a queue',
  description:
    'Replaces all its settings, but for its pause: that is lifted by whoever says so. `dataSources` are the operator’s alone, and so is `approval` once it is set.',
  may: MAY_CHANGE,
  body: uncheckedJson(QueueSettings),
  heeds: ['If-Match'],
  grows: 'sometimes',
  answers: { 200: { description: 'It is changed.', ...changed }, 201: { description: 'It is new.', ...changed } },
  handle: change,
});

const patchQueue = endpoint({
  method: 'patch',
  path: QUEUE,
  id: 'patchQueue',
  tag: 'Queues',
  summary: 'Change settings of a queue',
  description: 'A JSON Merge Patch (RFC 7396): what is not named stays, null takes a setting away.',
  may: MAY_CHANGE,
  body: mergePatchOf(QueueSettings),
  heeds: ['If-Match'],
  grows: 'sometimes',
  answers: { 200: { description: 'It is changed.', ...changed } },
  handle: change,
});

const deleteQueue = endpoint({
  method: 'delete',
  path: QUEUE,
  id: 'deleteQueue',
  tag: 'Queues',
  summary: 'Delete a queue that has nothing unsent',
  description: 'Its history, its error log and their contents go with it.',
  may: MAY_CHANGE,
  heeds: ['If-Match'],
  answers: { 204: { description: 'It is gone.' } },
  problems: ['queue-not-empty'],
  async handle(deps: EmptyQueueDeps & Pick<RouteDeps, 'tenants' | 'queues' | 'mailLog' | 'audit'>, asked) {
    const { address, identity, by } = asked;
    const queue = await existingQueue(deps, address);
    const present = await deps.tenants.queue(address);
    versionGuard(asked.ifMatch)(present && queueVersion(present));
    requireDeletable(identity, present?.settings);
    const { counts } = await readStatus(deps.redis, queue, deps.clock.now());
    const unsent = counts.scheduled + counts.queued + counts.sending + counts.deferred;
    if (unsent > 0) {
      throw new Problem(
        'queue-not-empty',
        `${unsent} emails of this queue are not sent yet: let them be sent or cancel them first`,
      );
    }
    const { waiting } = await readArchiveState(deps.redis, queue);
    if (waiting > 0 && present?.settings.archiveTo !== undefined) {
      throw new Problem(
        'queue-not-empty',
        `${waiting} messages of this queue wait for its archive: let it take them, or take archiveTo away first, and they go with the queue`,
      );
    }
    await emptyQueue(deps, queue, (id) => deps.mailLog.changed({ id, address }, { by, what: 'erased' }));
    // Last: what is still known can be deleted again where this was interrupted.
    await deps.tenants.removeQueue(address);
    await deps.audit.record({
      by,
      what: 'queue deleted',
      ...address,
      fields: changesBetween(present ? queueDocument(present.settings) : {}, {}),
    });
    deps.queues.forget(address);
    return { status: 204 };
  },
});

const pauseOrResume = (name: 'pause' | 'resume', about: { id: string; summary: string; description: string }) =>
  endpoint({
    method: 'post',
    path: `${QUEUE}/${name}`,
    tag: 'Queues',
    may: MAY_CHANGE,
    body: optionalJson(PauseInput),
    heeds: ['If-Match'],
    grows: 'never',
    answers: { 200: { description: 'The queue as it is now.', ...changed } },
    ...about,
    async handle(deps: ChangeDeps, { address, by, body: { reason }, ifMatch }) {
      const requireVersion = versionGuard(ifMatch);
      await setPaused(deps, address, name === 'pause', { by, reason }, (present) =>
        requireVersion(queueVersion(present)),
      );
      return presentQueue(deps, address);
    },
  });

const pause = pauseOrResume('pause', {
  id: 'pauseQueue',
  summary: 'Send nothing until resumed',
  description: 'The queue accepts and keeps emails; those that are being sent are sent.',
});

const resume = pauseOrResume('resume', {
  id: 'resumeQueue',
  summary: 'Send again',
  description: 'What became due meanwhile is sent now.',
});

export const QUEUE_ENDPOINTS = [getQueue, putQueue, patchQueue, deleteQueue, pause, resume];
