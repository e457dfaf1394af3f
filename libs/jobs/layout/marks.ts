// What is written into an email's job beside what BullMQ keeps there (docs/decisions/0004-marks.md).

/** Fields of ours in a job's hash: the marks (docs/decisions/0004-marks.md). BullMQ leaves unknown fields alone. */
export const MARK = {
  generation: 'rp:generation',
  intent: 'rp:intent',
  sent: 'rp:sent',
  /** Recipients that are done with, where some are still to be tried. */
  done: 'rp:done',
  /** The generation in which a hand-over began that is over and was none of success: another server must not be asked. */
  handedOver: 'rp:handed-over',
  /**
   * It stands in the error log: `1`, or `canceled`. Whoever takes an email that has it knows that another BullMQ client put
   * it back; the API's release takes it away.
   */
  ended: 'rp:ended',
  /** The message as it was handed over last, in the content store. */
  archive: 'rp:archive',
  /** Attempts that counted before the last release: their numbers are not given again. */
  attempts: 'rp:attempts',
  /** Why it was put back without an attempt, the last time that it was. */
  parked: 'rp:parked',
  /** The subject that it was rendered with, of one that was sent or may have been. */
  subject: 'rp:subject',
  /** The cause under which it is entered in `BESIDE.byCause`. */
  cause: 'rp:cause',
  /** What was reported of its recipients after it was sent (libs/jobs/traces/note-reports.ts). */
  reported: 'rp:reported',
} as const;
