// A confidential email is opened for its attempt: in memory, and documents that it fetches are sealed in the spool.
import { createContentCipher, readSealed, SEAL_BYTES, type ContentCipher } from '../../../libs/content/content-cipher';
import type { ContentReader } from '../../../libs/content/store';
import { openEmail } from '../../../libs/jobs/layout/sealed-email';
import { isWiped } from '../../../libs/mail/email/stored-email';
import type { SecretBox } from '../../../libs/store/redis/secret-box';
import { endAttempt, type AdmittedAttempt, type EndedAttempt } from './record/attempt-steps';
import type { AttemptSpool } from './record/attempt-spool';
import { refusalOf, refused } from './refused';

export interface UnsealDeps {
  secrets: SecretBox;
  content: ContentReader;
}

const sealedSpool = (spool: AttemptSpool, cipher: ContentCipher): AttemptSpool => ({
  ...spool,
  async add(bytes) {
    const file = await spool.add(cipher.sealStream(bytes));
    return { ...file, size: file.size - SEAL_BYTES };
  },
  over: (store) => cipher.over(spool.over(store)),
});

/**
 * The attempt with the email in its plain form; the job keeps it sealed. An email that was wiped ends the attempt.
 * @throws SecretKeyMissing, and what nobody expected
 */
export const unseal = async (deps: UnsealDeps, attempt: AdmittedAttempt): Promise<AdmittedAttempt | EndedAttempt> => {
  const { lease, spool } = attempt;
  if (isWiped(lease.email)) {
    const text = 'what it said was wiped after it had ended: nothing is left to be sent';
    return endAttempt(attempt, refused('content-missing', text));
  }
  if (lease.email.sealed === undefined) return attempt;
  try {
    const { address } = lease.queue;
    const { email, key } = await openEmail(deps.secrets, address, lease.email, readSealed(deps.content));
    return { ...attempt, lease: { ...lease, email }, spool: sealedSpool(spool, createContentCipher(key)) };
  } catch (error) {
    return endAttempt(attempt, refusalOf(error, lease));
  }
};
