// Sends an email without waiting for its time.
import { requireAllowed } from './allowed-by-state';
import { inTime, type Commands, type Subject } from './commands';
import { type CorrectDeps } from './draft-correction';
import { correct, requireSeenAs } from './correct';
import { existingEmail } from './existing';

/** Forgets `sendAt`; what stands in the error log is released. @throws Problem of a correction, and of a release */
export const sendNow = async (deps: CorrectDeps, commands: Commands, given: Subject): Promise<void> => {
  const subject = await inTime(deps, given);
  requireAllowed('send-now', subject.record);
  const patch = { sendAt: null };
  // Whoever approves a time does not approve another one.
  await requireSeenAs(deps, subject, patch);
  await correct(deps, commands, subject, patch);
  if (subject.record.place !== 'failed') return;
  const record = await existingEmail(deps, subject.queue, subject.record.id);
  await commands.release({ ...subject, record }, 'released');
};
