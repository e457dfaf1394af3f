// Pauses and resumes: a queue, by its settings or by hand, and what of the settings BullMQ itself has to know.
import { z } from 'zod';
import { HeaderText } from '../mail/address/address';
import type { QueueSettings } from '../mail/settings/settings';
import type { QueueAddress } from '../mail/address/queue-address';
import { DUE_NOW, type Schedule } from '../jobs/layout/schedule';
import type { EmailQueue, Queues } from '../jobs/layout/queues';
import { pauseQueue, resumeQueue } from '../jobs/transitions/pause';
import type { Audit } from '../events/audit';
import type { Clock } from '../runtime/clock';
import type { RegisteredQueue, Tenants } from '../store/registries/tenants';
import { notFound } from '../mail/input/problem';

export interface PauseDeps {
  clock: Clock;
  tenants: Tenants;
  queues: Queues;
  schedule: Schedule;
  audit: Audit;
}

/** Why something is paused or resumed, for whoever finds it so. */
export const PauseInput = z
  .strictObject({ reason: HeaderText(500).min(1).optional() })
  .meta({ id: 'Pause', examples: [{ reason: 'wrong price list' }] });

/** Whoever resumes tells the workers. */
const applyPause = async (deps: PauseDeps, queue: EmailQueue, { enabled }: QueueSettings): Promise<void> => {
  if (enabled === false) return pauseQueue(queue);
  await resumeQueue(queue);
  await deps.schedule.announce(queue.name, DUE_NOW);
};

/**
 * Tells BullMQ of the pause, where it was asked for, and workers of a rate that may have changed. Whoever finds another pause
 * than it began with applies that one: of several at once, the last word is that of the record.
 */
export const applySettings = async (deps: PauseDeps, queue: EmailQueue, parts: { pause: boolean }): Promise<void> => {
  for (;;) {
    const present = await deps.tenants.readQueue(queue.address);
    if (present === undefined) return;
    if (!parts.pause) return deps.schedule.announce(queue.name, DUE_NOW);
    await applyPause(deps, queue, present.settings);
    const after = await deps.tenants.readQueue(queue.address);
    if (after?.settings.enabled === present.settings.enabled) return;
  }
};

/** Who paused the queue, after its settings changed: a pause that goes on keeps its note. */
export const noteFor = (
  { enabled }: QueueSettings,
  present: RegisteredQueue | undefined,
  by: string,
  now: number,
): Pick<RegisteredQueue, 'paused'> => {
  if (enabled !== false) return {};
  return { paused: present?.paused ?? { by, at: new Date(now).toISOString() } };
};

/**
 * Pauses or resumes a queue; kept with it, for `explain`, and in the audit.
 * @param who.reason what `explain` will say
 * @param allow throws where it is not to be done
 * @throws Problem `not-found`
 */
export const setPaused = async (
  deps: PauseDeps,
  address: QueueAddress,
  paused: boolean,
  who: { by: string; reason?: string | undefined },
  allow: (present: RegisteredQueue) => void = () => undefined,
): Promise<void> => {
  const { by, reason } = who;
  const at = new Date(deps.clock.now()).toISOString();
  const why = reason === undefined ? {} : { reason };
  await deps.tenants.changeQueue(address, (present) => {
    if (present === undefined) throw notFound(`queue ${address.tenant}/${address.application}`);
    allow(present);
    const settings = { ...present.settings, enabled: !paused };
    return { settings, ...(paused && { paused: { by, at, ...why } }) };
  });
  await applySettings(deps, deps.queues.open(address), { pause: true });
  await deps.audit.record({ by, what: `queue ${paused ? 'paused' : 'resumed'}`, ...address, ...why });
};
