// What the settings of now say of a queue that wants to send, and of its transport.
import type { QueueAddress } from '../../libs/mail/address/queue-address';
import type { Permission } from '../../libs/dispatch/dispatcher';
import { rateOf } from '../../libs/mail/settings/settings';
import type { Admission, Refusal } from '../../libs/store/limits/transport-limits';
import type { Rooms } from './rooms';

/** May the queue send, and how much at once? Whether it is paused itself is BullMQ's to say. */
export const permissionOf = async ({ tenants, installation }: Rooms, address: QueueAddress): Promise<Permission> => {
  const [pause, tenant, { concurrency, transport }] = await Promise.all([
    installation.pauseNote(),
    tenants.tenant(address.tenant),
    tenants.settings(address),
  ]);
  const enabled = tenant !== undefined && tenant.settings.enabled !== false;
  return { enabled, concurrency, transport, paused: pause !== undefined };
};

/**
 * By the queue's own rate, and by its transport; the few emails that name another transport are admitted there when they are
 * taken.
 */
export const admit = async (rooms: Rooms, address: QueueAddress): Promise<Admission | Refusal> => {
  const [{ transport }, queue] = await Promise.all([rooms.tenants.settings(address), rooms.tenants.queue(address)]);
  const limits = (await rooms.transports.get(address.tenant, transport))?.limits;
  const rate = rateOf(queue?.settings);
  if (rate === undefined) return rooms.limits.admit(address.tenant, transport, limits);
  const passage = await rooms.limits.pass(address, rate);
  if ('until' in passage) return passage;
  const admission = await rooms.limits.admit(address.tenant, transport, limits);
  if ('until' in admission) {
    passage.cancel();
    return admission;
  }
  const both = (way: 'end' | 'cancel') => (): void => {
    admission[way]();
    passage[way]();
  };
  return { ...admission, end: both('end'), cancel: both('cancel'), leaveTransport: admission.cancel };
};
