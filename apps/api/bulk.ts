// One action on all emails of a filter, in pages, each email by itself; continued where it stopped.
import { z } from 'zod';
import { type Problem } from '../../libs/mail/problem';
import type { QueueAddress } from '../../libs/mail/queue-address';
import { RecipientFilter } from '../../libs/mail/recipient-pattern';
import { STATES } from '../../libs/mail/state';
import { readRecords, type EmailRecord } from '../../libs/queue/email-record';
import { listEmails, type EmailFilter } from '../../libs/queue/list';
import type { Progress } from '../../libs/queue/operations';
import type { EmailQueue } from '../../libs/queue/queues';
import type { Commands, Subject } from './commands';
import { correct } from './correct';
import { toProblem } from './errors';
import { resend } from './resend';
import type { Rooms } from './rooms';

const Time = z.iso.datetime({ offset: true });

export const BulkInput = z
  .strictObject({
    filter: z.strictObject({
      state: z.enum(STATES).optional(),
      template: z.string().optional(),
      tag: z.string().optional(),
      since: Time.optional(),
      until: Time.optional(),
      recipient: RecipientFilter.optional(),
    }),
    action: z.enum(['release', 'cancel', 'hold', 'resend', 'delete']),
    patch: z.record(z.string(), z.unknown()).optional(),
    dryRun: z.boolean().optional(),
  })
  .refine(({ action, patch }) => patch === undefined || action === 'release' || action === 'hold', {
    path: ['patch'],
    message: 'goes with release or hold only',
  });

/** What an operation does, as it is kept. Times in ms since 1970. */
export interface BulkOrder {
  id: string;
  address: QueueAddress;
  filter: EmailFilter;
  action: z.infer<typeof BulkInput>['action'];
  patch?: Record<string, unknown>;
  dryRun: boolean;
  by: string;
}

const PAGE = 100;
const ERRORS_KEPT = 20;

/** Corrects first, so that nothing is released uncorrected. */
const actOn = async (
  rooms: Rooms,
  commands: Commands,
  queue: EmailQueue,
  record: EmailRecord,
  order: BulkOrder,
): Promise<void> => {
  let subject: Subject = { queue, record, by: order.by };
  if (order.patch !== undefined) {
    await correct(rooms, commands, subject, order.patch);
    const [fresh] = await readRecords(rooms.redis, queue, [record.id], rooms.clock.now());
    if (fresh !== undefined) subject = { ...subject, record: fresh };
  }
  switch (order.action) {
    case 'release':
      return commands.release(subject);
    case 'cancel':
      return commands.cancel(subject);
    case 'hold':
      return commands.hold(subject);
    case 'delete':
      return commands.erase(subject);
    case 'resend':
      await resend(rooms, commands, subject, { mode: 'render' }, `bulk:${order.id}:${record.id}`);
  }
};

/**
 * @param progress where an earlier run stopped; the email after it may be acted on twice: its state refuses that, and a resend its key
 * @param save keeps the progress
 */
export const runBulk = async (
  rooms: Rooms,
  commands: Commands,
  order: BulkOrder,
  progress: Progress,
  save: (progress: Progress) => Promise<void>,
): Promise<void> => {
  const queue = rooms.queues.open(order.address);
  let now: Progress = progress;
  for (;;) {
    const page = await listEmails(rooms.redis, queue, order.filter, {
      limit: PAGE,
      cursor: now.cursor,
      now: rooms.clock.now(),
    });
    for (const record of page.emails) {
      now = { ...now, matched: now.matched + 1 };
      if (order.dryRun) continue;
      try {
        await actOn(rooms, commands, queue, record, order);
        now = { ...now, done: now.done + 1 };
      } catch (error) {
        const problem = toProblem(error);
        // Redis away or a fault of ours: the operation is tried again from the last saved page.
        if (problem === undefined || WAITS.has(problem.code)) throw error;
        now = { ...now, failed: now.failed + 1, errors: noted(now.errors, record.id, problem) };
      }
    }
    if (page.cursor === undefined) return save(now);
    now = { ...now, cursor: page.cursor };
    await save(now);
  }
};

/** Nobody's email is at fault. */
const WAITS = new Set(['unavailable', 'queue-full', 'storage-full']);

const noted = (errors: Progress['errors'], id: string, { code, message }: Problem): Progress['errors'] =>
  errors.length < ERRORS_KEPT ? [...errors, { id, code, detail: message }] : errors;
