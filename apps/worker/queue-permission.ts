// Whether a queue may send now, and how much at once, by the settings of now.
import type { QueueAddress } from '../../libs/mail/address/queue-address';
import type { Permission } from '../../libs/dispatch/dispatcher-deps';
import type { Installation } from '../../libs/store/registries/installation';
import type { Tenants } from '../../libs/store/registries/tenants';

/** Whether the queue itself is paused is BullMQ's to say. */
export const permissionOf = async (
  { tenants, installation }: { tenants: Tenants; installation: Installation },
  address: QueueAddress,
): Promise<Permission> => {
  const [pause, tenant, { concurrency, transport }] = await Promise.all([
    installation.pauseNote(),
    tenants.tenant(address.tenant),
    tenants.settings(address),
  ]);
  const enabled = tenant !== undefined && tenant.settings.enabled !== false;
  return { enabled, concurrency, transport, paused: pause !== undefined };
};
