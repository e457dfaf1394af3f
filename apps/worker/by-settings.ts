// What the settings of now say: of an email, of a queue that wants to send, of its transport.
import type { QueueAddress } from '../../libs/mail/queue-address';
import { resolveSettings, type ResolvedSettings, type SettingsLevel } from '../../libs/mail/settings';
import type { StoredEmail } from '../../libs/mail/stored-email';
import type { Permission } from '../../libs/queue/fleet';
import type { EmailQueue } from '../../libs/queue/queues';
import type { Admission, Refusal } from '../../libs/store/transport-limits';
import type { Rooms } from './rooms';

/** @param own of the email, for one */
const resolved = async (rooms: Rooms, address: QueueAddress, own?: SettingsLevel): Promise<ResolvedSettings> => {
  const [tenant, queue] = await Promise.all([rooms.tenants.tenant(address.tenant), rooms.tenants.queue(address)]);
  return resolveSettings(tenant?.settings, queue?.settings, own);
};

export const settingsOf = (rooms: Rooms, queue: EmailQueue, email: StoredEmail): Promise<ResolvedSettings> =>
  resolved(rooms, queue.address, email);

/** May the queue send, and how much at once? Whether it is paused itself is BullMQ's to say. */
export const permissionOf = async (rooms: Rooms, address: QueueAddress): Promise<Permission> => {
  const [tenant, { concurrency }] = await Promise.all([rooms.tenants.tenant(address.tenant), resolved(rooms, address)]);
  return { enabled: tenant !== undefined && tenant.settings.enabled !== false, concurrency };
};

/** By the transport of the queue; the few emails that name another one are admitted there when they are taken. */
export const admit = async (rooms: Rooms, address: QueueAddress): Promise<Admission | Refusal> => {
  const { transport } = await resolved(rooms, address);
  const limits = (await rooms.transports.get(address.tenant, transport))?.limits;
  return rooms.limits.admit(address.tenant, transport, limits);
};
