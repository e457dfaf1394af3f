// Recovery after a crash: emails whose worker is gone, so that nobody renews their lock, go back to their queue.
import type { QueueAddress } from '../mail/address/queue-address';
import type { EmailQueue } from '../jobs/layout/queues';
import { recoverStalled } from '../jobs/transitions/lease';

/** Hears of emails that went back to their queue because their worker is gone. */
export type OnRecovered = (address: QueueAddress, ids: readonly string[]) => void;

/** Any replica may ask; one of them hears of each email. */
export const recoverAndTell = async (queue: EmailQueue, onRecovered: OnRecovered): Promise<void> => {
  const ids = await recoverStalled(queue);
  if (ids.length > 0) onRecovered(queue.address, ids);
};
