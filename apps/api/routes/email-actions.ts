// What people do to emails: correct, hold, release, cancel, send now, send again, resolve, erase; and ask why.
import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import type { Action } from '../../../libs/mail/api-key';
import { Problem } from '../../../libs/mail/problem';
import { param, signatureOf } from '../auth';
import { contentOf, sendMessageFile } from '../content';
import { inTime, insist, type Commands, type Subject } from '../commands';
import { correct, type Patch } from '../correct';
import { explain } from '../explain';
import { parseBody } from '../input';
import { resend, ResendInput } from '../resend';
import type { Rooms } from '../rooms';
import { etagOf } from '../view';
import { existingEmail, existingQueue, sendEmail } from './emails';

export const ResolveInput = z.strictObject({ as: z.enum(['sent', 'resend', 'failed']) });

/** Who lost a race against another change of the same email tries again this often before he is told. */
const TRIES = 5;

export const emailActionRoutes = (rooms: Rooms, commands: Commands): Router => {
  const router = Router({ mergeParams: true });

  const subjectOf = async (request: Request, response: Response, action: Action): Promise<Subject> => {
    const { address, identity } = await rooms.guard.queue(request, response, action);
    const queue = await existingQueue(rooms, address);
    return { queue, record: await existingEmail(rooms, queue, param(request, 'id')), by: signatureOf(identity) };
  };

  /** Whoever names the version that he has read acts on no other (RFC 9110 13.1.1). */
  const requireVersion = (request: Request, { record }: Subject): void => {
    const given = request.get('If-Match');
    if (given !== undefined && given !== '*' && given !== etagOf(record)) insist('changed', record);
  };

  /** Acts, and answers with the email as it is then. */
  const act =
    (action: Action, work: (subject: Subject, request: Request) => Promise<void>) =>
    async (request: Request, response: Response) => {
      for (let tries = 1; ; tries++) {
        const subject = await subjectOf(request, response, action);
        requireVersion(request, subject);
        try {
          await work(subject, request);
          return await sendEmail(
            rooms,
            response,
            subject.queue,
            await existingEmail(rooms, subject.queue, subject.record.id),
          );
        } catch (error) {
          const lost =
            error instanceof Problem && error.code === 'version-mismatch' && request.get('If-Match') === undefined;
          if (!lost || tries === TRIES) throw error;
        }
      }
    };

  router.patch(
    '/:id',
    act('send', (subject, request) => correct(rooms, commands, subject, (request.body ?? {}) as Patch)),
  );
  router.post('/:id/hold', act('send', commands.hold));
  router.post('/:id/cancel', act('send', commands.cancel));
  router.post(
    '/:id/release',
    act('send', (subject) => commands.release(subject)),
  );
  router.post(
    '/:id/send-now',
    act('send', (subject) => sendNow(rooms, commands, subject)),
  );
  router.post(
    '/:id/resolve',
    act('administer', (subject, request) => commands.resolve(subject, parseBody(ResolveInput, request).as)),
  );

  router.post('/:id/resend', async (request, response) => {
    const subject = await subjectOf(request, response, 'send');
    const receipt = await resend(rooms, commands, subject, parseBody(ResendInput, request));
    const { tenant, application } = subject.queue.address;
    response
      .status(202)
      .location(`/v1/queues/${tenant}/${application}/emails/${receipt.id}`)
      .json({ ...receipt, resentFrom: subject.record.id });
  });

  router.delete('/:id', async (request, response) => {
    await commands.erase(await subjectOf(request, response, 'send'));
    response.status(204).end();
  });

  router.get('/:id/explain', async (request, response) => {
    const { queue, record } = await subjectOf(request, response, 'read');
    response.json(await explain(rooms, queue, record));
  });

  router.get('/:id/content', async (request, response) => {
    const { queue, record } = await subjectOf(request, response, 'read');
    response.json(await contentOf(rooms, queue.address, record));
  });

  router.get('/:id/message', async (request, response) => {
    const { record } = await subjectOf(request, response, 'read');
    await sendMessageFile(rooms, response, record);
  });

  return router;
};

/** Forgets `sendAt`; what stands in the error log is released. */
export const sendNow = async (rooms: Rooms, commands: Commands, given: Subject): Promise<void> => {
  const subject = await inTime(rooms, given);
  await correct(rooms, commands, subject, { sendAt: null });
  if (subject.record.place !== 'failed') return;
  const record = await existingEmail(rooms, subject.queue, subject.record.id);
  await commands.release({ ...subject, record }, 'released');
};
