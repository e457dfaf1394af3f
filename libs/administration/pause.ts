// Pauses and resumes: a queue, by its settings or by hand, and what of the settings BullMQ itself has to know.
import { z } from 'zod';
import { HeaderText } from '../mail/address/address';
import type { QueueSettings } from '../mail/settings/settings';
import type { QueueAddress } from '../mail/address/queue-address';
import { AT_ONCE } from '../jobs/layout/schedule';
import type { EmailQueue } from '../jobs/layout/queues';
import type { RegisteredQueue } from '../store/registries/tenants';
import type { Rooms } from '../../apps/api/rooms';
import { notFound } from '../mail/input/problem';

/** Why something is paused or resumed, for whoever finds it so. */
export const PauseInput = z.strictObject({ reason: HeaderText(500).min(1).optional() });

/** Whoever resumes tells the workers. */
const applyPause = async (rooms: Rooms, queue: EmailQueue, { enabled }: QueueSettings): Promise<void> => {
  if (enabled === false) return queue.bull.pause();
  await queue.bull.resume();
  await rooms.due.announce(queue.name, AT_ONCE);
};

/**
 * Tells BullMQ of the pause, where it was asked for, and workers of a rate that may have changed. Whoever finds another pause
 * than it began with applies that one: of several at once, the last word is that of the record.
 */
export const applySettings = async (rooms: Rooms, queue: EmailQueue, parts: { pause: boolean }): Promise<void> => {
  for (;;) {
    const present = await rooms.tenants.readQueue(queue.address);
    if (present === undefined) return;
    if (!parts.pause) return rooms.due.announce(queue.name, AT_ONCE);
    await applyPause(rooms, queue, present.settings);
    const after = await rooms.tenants.readQueue(queue.address);
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
  rooms: Rooms,
  address: QueueAddress,
  paused: boolean,
  who: { by: string; reason?: string | undefined },
  allow: (present: RegisteredQueue) => void = () => undefined,
): Promise<void> => {
  const { by, reason } = who;
  const at = new Date(rooms.clock.now()).toISOString();
  const why = reason === undefined ? {} : { reason };
  await rooms.tenants.changeQueue(address, (present) => {
    if (present === undefined) throw notFound(`queue ${address.tenant}/${address.application}`);
    allow(present);
    const settings = { ...present.settings, enabled: !paused };
    return { settings, ...(paused && { paused: { by, at, ...why } }) };
  });
  await applySettings(rooms, rooms.queues.open(address), { pause: true });
  await rooms.audit.record({ by, what: `queue ${paused ? 'paused' : 'resumed'}`, ...address, ...why });
};
