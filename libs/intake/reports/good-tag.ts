// The tag by which a report finds its email.
import { parseQueueName } from '../../mail/address/queue-address';
import type { Clock } from '../../runtime/clock';
import type { GoodTag, TagCheck } from '../../store/reports/tag-keys';

/** The first tag that is good, of an email of this tenant: anybody may make up a report, and nobody else's emails are its. */
export const goodTag = async (
  { checkTag, clock }: { checkTag: TagCheck; clock: Clock },
  tags: readonly string[],
  tenant: string,
): Promise<GoodTag | undefined> => {
  for (const tag of tags) {
    const checked = await checkTag(tag, clock.now());
    if (checked.kind === 'good' && parseQueueName(checked.queueName)?.tenant === tenant) return checked;
  }
  return undefined;
};
