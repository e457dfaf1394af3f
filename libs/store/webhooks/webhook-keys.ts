// The keys of what a webhook is told: in its tenant's slot.
import { ROOT } from '../redis/keys';

/** What waits for a webhook, and what became of it (libs/store/webhooks/deliveries.ts). */
export const webhookKeys = (tenant: string, name: string) => {
  const key = (part: string): string => `${ROOT}:{${tenant}}:webhook:${name}:${part}`;
  return {
    /** Hash: how far of the stream of events it has what it wants, since when it fails, when it last took something (ms). */
    state: key('state'),
    /** Hash: delivery -> what it is, as JSON. */
    deliveries: key('deliveries'),
    /** Sorted sets of deliveries, by id, which sort by time: those that wait, and those that are done with. */
    waiting: key('waiting'),
    done: key('done'),
    /** Sorted set: delivery -> when it is sent, or sent again (ms). */
    due: key('due'),
    /** Hash: email -> its deliveries that wait, in their order, separated by spaces; only the first is in `due`. */
    lanes: key('lanes'),
  };
};
