// Corrects an email, as drafted (draft-correction.ts).
import { contentIdsOf, dueAt } from '../mail/email/stored-email';
import { DUE_NOW } from '../jobs/layout/schedule';
import { announceWhereabouts } from '../jobs/layout/whereabouts';
import { readRecords } from '../jobs/layout/email-record';
import { BULL_PRIORITY } from '../intake/enqueue';
import { correctEmail } from '../jobs/transitions/correct';
import { refuse } from './allowed-by-state';
import { requireApprover, requireSeen } from './approval/approver';
import { awaitApproval } from './approval/await-approval';
import { inTime, type Commands, type Subject } from './commands';
import { announceUpkeep } from '../store/redis/upkeep-index';

import { draftCorrection, type CorrectDeps, type Patch } from './draft-correction';

/**
 * To be asked before an email is corrected and let go in one step: nobody else would have seen what is sent.
 * @throws Problem `approval-needed`, and those of `draftCorrection`
 */
export const requireSeenAs = async (deps: CorrectDeps, subject: Subject, patch: Patch): Promise<void> => {
  const { email } = subject.record;
  requireApprover(subject);
  const { approval } = await deps.tenants.settings(subject.queue.address, email);
  if (approval === undefined && email.needsApproval === undefined) return;
  const { after, fields } = await draftCorrection(deps, subject, patch);
  if (Object.keys(fields).length > 0) requireSeen(after);
};

/**
 * @param patch an object of fields
 * @throws Problem of `draftCorrection`, and `version-mismatch`
 */
export const correct = async (deps: CorrectDeps, commands: Commands, given: Subject, patch: Patch): Promise<void> => {
  const subject = await inTime(deps, given);
  const { queue, record } = subject;
  const { address } = queue;
  const drafted = await draftCorrection(deps, subject, patch);
  const { before, after, fields, parts, settings, now, expiresAt, had, added } = drafted;
  const fresh = added.map(({ contentId }) => contentId);
  /** Whoever lost against another correction may have claimed what the winner needs too: both claim for the same email. */
  const letGo = async (ids: string[]): Promise<void> => {
    const [present] = await readRecords(deps.redis, queue, [record.id]);
    const needed = present === undefined ? [] : contentIdsOf(present.email);
    const unneeded = ids.filter((id) => !needed.includes(id));
    await deps.refs.release(address, record.id, unneeded, deps.content.remove);
  };
  try {
    await deps.refs.claim(address, record.id, added);
    await parts.store();
  } catch (error) {
    // What failed first is what is told.
    await letGo(fresh).catch(() => undefined);
    throw error;
  }
  const due = 'sendAt' in patch ? Math.max(now, dueAt(after, 0)) : undefined;
  await announceUpkeep(deps.redis, queue, expiresAt);
  await announceWhereabouts(deps.redis, queue, [{ id: record.id, email: after }]);
  const refusal = await correctEmail(deps.redis, queue, record.id, {
    before,
    after,
    priority: BULL_PRIORITY[settings.priority],
    line: commands.change(subject, 'corrected', fields),
    now,
    ...(due !== undefined && { due }),
  });
  await letGo([...had, ...fresh]);
  if (refusal !== undefined) throw refuse(refusal, record);
  await deps.schedule.announce(queue.name, due !== undefined && due > now ? due : DUE_NOW, expiresAt);
  await commands.audited(subject, 'corrected', fields);
  await awaitApproval(deps, subject, after);
};
