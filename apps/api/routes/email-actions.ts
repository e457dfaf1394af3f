// What people do to emails: correct, hold, release, cancel, send now, send again, resolve, erase; and ask why.
import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import type { Action } from '../../../libs/mail/settings/api-key';
import { Problem } from '../../../libs/mail/input/problem';
import { param, signatureOf } from '../http/auth';
import { contentOf, sendMessageFile } from '../views/preview';
import { insist, type Commands, type Subject } from '../../../libs/administration/commands';
import { correct, type Patch } from '../../../libs/administration/correct';
import { explain } from '../../../libs/administration/explain/explain';
import { parseIfMatch } from '../http/if-match';
import { bodyOf, parseBody } from '../http/input';
import { resend, ResendInput } from '../../../libs/administration/resend';
import type { Rooms } from '../http/rooms';
import { etagOf } from '../views/view';
import { keyOf, sendEmail } from './emails';
import { existingQueue, existingEmail } from '../../../libs/administration/existing';
import { sendNow } from '../../../libs/administration/send-now';

/** Of calls that take nothing: a field that is not heeded is refused, as everywhere. */
const NoInput = z.strictObject({});

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
    const given = parseIfMatch(request.get('If-Match'));
    if (Array.isArray(given) && !given.some((tag) => `"${tag}"` === etagOf(record))) insist('changed', record);
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
    act('send', (subject, request) => correct(rooms, commands, subject, bodyOf(request) as Patch)),
  );
  /** The same, for what needs no more than the email. */
  const actAlone = (work: (subject: Subject) => Promise<void>) =>
    act('send', (subject, request) => {
      parseBody(NoInput, request);
      return work(subject);
    });

  router.post('/:id/hold', actAlone(commands.hold));
  router.post('/:id/cancel', actAlone(commands.cancel));
  router.post(
    '/:id/release',
    actAlone((subject) => commands.release(subject)),
  );
  router.post(
    '/:id/send-now',
    actAlone((subject) => sendNow(rooms, commands, subject)),
  );
  router.post(
    '/:id/resolve',
    act('administer', (subject, request) => commands.resolve(subject, parseBody(ResolveInput, request).as)),
  );

  router.post('/:id/resend', async (request, response) => {
    const subject = await subjectOf(request, response, 'send');
    requireVersion(request, subject);
    const given = parseBody(ResendInput, request);
    const { receipt, replayed } = await resend(rooms, commands, subject, given, keyOf(request));
    if (replayed) response.set('Idempotency-Replayed', 'true');
    const { tenant, application } = subject.queue.address;
    response
      .status(202)
      .location(`/v1/queues/${tenant}/${application}/emails/${receipt.id}`)
      .json({ ...receipt, resentFrom: subject.record.id });
  });

  router.delete('/:id', async (request, response) => {
    const subject = await subjectOf(request, response, 'send');
    requireVersion(request, subject);
    await commands.erase(subject);
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
