// The whole installation: paused and resumed by the operator, and which workers run.
import { PauseInput } from '../../../../libs/administration/pause';
import type { PauseNote } from '../../../../libs/store/registries/installation';
import { InstallationPause, WorkerList } from '../../answers/installation';
import { optionalJson } from '../../http/endpoint/body';
import { endpoint } from '../../http/endpoint/endpoint';
import type { RouteDeps } from '../../http/route-deps';

const MAY = { action: 'operate', over: 'installation' } as const;
type Deps = Pick<RouteDeps, 'installation' | 'audit'>;

const view = (note: PauseNote | undefined) => ({ paused: note !== undefined, ...note });

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
  description: 'It sends again; queues that are paused themselves stay so.',
  may: MAY,
  body: optionalJson(PauseInput),
  grows: 'never',
  answers: { 200: { description: 'It is not paused.', schema: InstallationPause } },
  async handle({ installation, audit }: Deps, { by, body: { reason } }) {
    await installation.resume();
    await audit.record({ by, what: 'installation resumed', ...given(reason) });
    return { body: view(undefined) };
  },
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

export const INSTALLATION_ENDPOINTS = [getPause, pause, resume, listWorkers];
