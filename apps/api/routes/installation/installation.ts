// The whole installation: paused and resumed by the operator, and which workers run.
import { Problem } from '../../../../libs/mail/input/problem';
import { restore, RestoreInput, type RestoreDeps } from '../../../../libs/administration/restore/restore';
import { PauseInput } from '../../../../libs/administration/pause';
import type { InstallationPause as PauseOfAll } from '../../../../libs/store/registries/installation';
import { InstallationPause, RestoreResult, WorkerList } from '../../answers/installation';
import { json, optionalJson } from '../../http/endpoint/body';
import { endpoint } from '../../http/endpoint/endpoint';
import type { RouteDeps } from '../../http/route-deps';

const MAY = { action: 'operate', over: 'installation' } as const;
type Deps = Pick<RouteDeps, 'installation' | 'audit'>;

const view = (note: PauseOfAll | undefined) => ({ paused: note !== undefined, ...note });

const given = (reason: string | undefined) => (reason === undefined ? {} : { reason });

const getPause = endpoint({
  method: 'get',
  path: '/v1/pause',
  id: 'getPause',
  tag: 'Installation',
  summary: 'Whether the whole installation is paused',
  description: 'By whom, since when and why, where it is.',
  may: MAY,
  answers: { 200: { description: 'The pause, or that there is none.', schema: InstallationPause } },
  handle: async ({ installation }: Deps) => ({ body: view(await installation.pauseNote()) }),
});

const pause = endpoint({
  method: 'post',
  path: '/v1/pause',
  id: 'pauseInstallation',
  tag: 'Installation',
  summary: 'Pause the whole installation',
  description: 'It accepts and keeps emails, and sends nothing until it is resumed.',
  may: MAY,
  body: optionalJson(PauseInput),
  grows: 'never',
  answers: { 200: { description: 'It is paused.', schema: InstallationPause } },
  async handle({ installation, audit }: Deps, { by, body: { reason } }) {
    const before = await installation.readPause();
    if (before?.doubt !== undefined) return { body: view(before) };
    const note = await installation.pause(by, reason);
    await audit.record({ by, what: 'installation paused', ...given(reason) });
    return { body: view(note) };
  },
});

const resume = endpoint({
  method: 'post',
  path: '/v1/resume',
  id: 'resumeInstallation',
  tag: 'Installation',
  summary: 'Resume the whole installation',
  description:
    'It sends again; queues that are paused themselves stay so. Not where the service paused itself since what Redis holds may be a backup: `POST /v1/restore` ends that.',
  may: MAY,
  body: optionalJson(PauseInput),
  grows: 'never',
  answers: { 200: { description: 'It is not paused.', schema: InstallationPause } },
  problems: ['restore-needed'],
  async handle({ installation, audit }: Deps, { by, body: { reason } }) {
    const stays = await installation.resume();
    if (stays !== undefined) throw new Problem('restore-needed', stays.reason ?? 'a backup was restored');
    await audit.record({ by, what: 'installation resumed', ...given(reason) });
    return { body: view(undefined) };
  },
});

const restoreInstallation = endpoint({
  method: 'post',
  path: '/v1/restore',
  id: 'restoreInstallation',
  tag: 'Installation',
  summary: 'Go on after a backup was restored',
  description:
    'With `since`: emails of the backup that may have left since are `uncertain` from then on, and wait for a person whatever `onUncertain` says. With `confirm`: nothing is, because nothing was restored, or nothing can have left. Persons who were erased since are erased again, and operations of the backup end as `failed`. Then the installation is resumed. May be repeated.',
  may: MAY,
  body: json(RestoreInput),
  grows: 'never',
  answers: { 200: { description: 'The installation sends again.', schema: RestoreResult } },
  problems: ['storage-full'],
  handle: async (deps: RestoreDeps, { by, body }) => ({ body: await restore(deps, by, body) }),
});

const listWorkers = endpoint({
  method: 'get',
  path: '/v1/workers',
  id: 'listWorkers',
  tag: 'Installation',
  summary: 'Which workers run',
  description: 'Since when, with how many places, and when each was last heard of.',
  may: MAY,
  answers: { 200: { description: 'The workers, by name.', schema: WorkerList } },
  async handle({ workers }: Pick<RouteDeps, 'workers'>) {
    const all = await workers.list();
    return {
      body: {
        workers: all.map(({ id, version, startedAt, seenAt, places, busy }) => ({
          id,
          version,
          startedAt,
          seenAt,
          places,
          busy,
        })),
      },
    };
  },
});

export const INSTALLATION_ENDPOINTS = [getPause, pause, resume, restoreInstallation, listWorkers];
