// The copy of an email that was sent, for the archive of its queue.
import { draftCopy, reachedLast, type CopyDeps } from '../jobs/traces/archive-copy';
import { readArchive, readMarks } from '../jobs/transitions/hand-over-journal';
import type { Lease } from '../jobs/transitions/lease';
import type { Outcome } from '../mail/email/outcome';
import type { ResolvedSettings } from '../mail/settings/settings';

interface Ended {
  lease: Lease;
  settings: ResolvedSettings;
  outcome: Outcome;
}

/** What is written for the archive of the queue; nothing more is asked of Redis where it has none. */
export const copyFor = async (
  deps: CopyDeps,
  { lease, settings, outcome }: Ended,
  at: number,
): Promise<{ copy?: string }> => {
  const { queue, id, email } = lease;
  const message = settings.archiveTo && (await readArchive(deps.redis, queue, id));
  if (message === undefined) return {};
  // One that was sent before, and of which only that is known, names nobody.
  const named = outcome.kind === 'sent' ? outcome.recipients.accepted : [];
  const { done } = await readMarks(deps.redis, queue, id);
  const accepted = reachedLast(email, done, named.length > 0 ? named : undefined);
  const draft = draftCopy(deps, queue, { id, email, message, settings, at, accepted });
  // Where Redis does not take that, the script holds the message too, and upkeep names the queue: the email was sent in any case.
  await draft?.hold().catch(() => undefined);
  return { copy: draft?.argument ?? '' };
};
