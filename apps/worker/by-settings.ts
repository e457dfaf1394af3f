// What the settings of now say of a queue that wants to send, and of its transport.
import type { QueueAddress } from '../../libs/mail/queue-address';
import type { Permission } from '../../libs/queue/fleet';
import type { Admission, Refusal } from '../../libs/store/transport-limits';
import type { Rooms } from './rooms';

/** May the queue send, and how much at once? Whether it is paused itself is BullMQ's to say. */
export const permissionOf = async ({ tenants, installation }: Rooms, address: QueueAddress): Promise<Permission> => {
  const [pause, tenant, { concurrency }] = await Promise.all([
    installation.pauseNote(),
    tenants.tenant(address.tenant),
    tenants.settings(address),
  ]);
  const enabled = tenant !== undefined && tenant.settings.enabled !== false;
  return { enabled, concurrency, paused: pause !== undefined };
};

/** By the transport of the queue; the few emails that name another one are admitted there when they are taken. */
export const admit = async (rooms: Rooms, address: QueueAddress): Promise<Admission | Refusal> => {
  const { transport } = await rooms.tenants.settings(address);
  const limits = (await rooms.transports.get(address.tenant, transport))?.limits;
  return rooms.limits.admit(address.tenant, transport, limits);
};
