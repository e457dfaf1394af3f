// What Bull Board's buttons do: the same commands as the API's, with its rules and its records; the rest is refused.
import { Router, type Request, type RequestHandler, type Response } from 'express';
import { reaches } from '../../../libs/mail/settings/api-key';
import { Problem, notFound } from '../../../libs/mail/input/problem';
import { parseQueueName } from '../../../libs/mail/address/queue-address';
import type { StoredEmail } from '../../../libs/mail/email/stored-email';
import { handOf, signatureOf } from '../../../libs/mail/settings/api-key';
import { identityOf, param } from '../http/auth';
import type { Commands, Subject } from '../../../libs/administration/commands';
import { type Patch } from '../../../libs/administration/draft-correction';
import { correct } from '../../../libs/administration/correct';
import { toProblem } from '../http/errors';
import { jsonBody } from '../http/input';
import { setPaused } from '../../../libs/administration/pause';
import type { RouteDeps } from '../http/route-deps';
import { statusOf } from '../../../libs/mail/input/problem-document';
import { existingQueue, existingEmail } from '../../../libs/administration/existing';
import { sendNow } from '../../../libs/administration/send-now';

/** Fields of a stored email that nobody edits. */
const FIXED = [
  'v',
  'sealed',
  'contents',
  'domain',
  'stored',
  'fixedExpiry',
  'resentFrom',
  'traceparent',
  'formerly',
  'forgotten',
  'needsApproval',
  'contentWiped',
] as const;

/** An answer as Bull Board's page reads it: a sentence under `message`. */
const sendError = (response: Response, error: unknown): void => {
  const problem = toProblem(error);
  if (problem === undefined) throw error;
  const pointers = problem.errors.map(({ path, message }) => `${path || 'the email'} ${message}`).join('; ');
  response.status(statusOf(problem)).json({ error: { key: 'ERRORS.FORBIDDEN' }, message: pointers || problem.message });
};

/**
 * What the editor's whole data changes, as a patch.
 * @throws Problem where it changes what is fixed, or began with an older version
 */
export const patchOf = (edited: Partial<StoredEmail>, stored: StoredEmail): Patch => {
  if (edited.rev !== stored.rev) {
    throw new Problem(
      'version-mismatch',
      'this email was changed by somebody else meanwhile: load it again, then edit',
    );
  }
  const same = (name: keyof StoredEmail): boolean => JSON.stringify(edited[name]) === JSON.stringify(stored[name]);
  const touched = FIXED.filter((name) => !same(name));
  if (touched.length > 0) throw new Problem('invalid', `${touched.join(', ')} cannot be changed`);
  const names = [...new Set([...Object.keys(edited), ...Object.keys(stored)])] as (keyof StoredEmail)[];
  const changed = names.filter((name) => !same(name));
  return Object.fromEntries(changed.map((name) => [name, withoutSizes(edited[name]) ?? null]));
};

/** Sizes of attachments are known by their contents. */
const withoutSizes = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map((item: unknown) =>
        typeof item === 'object' && item !== null && 'contentId' in item ? { ...item, size: undefined } : item,
      )
    : value;

/** Does what a button asks for, to an email or to a queue that its user reaches, and answers as Bull Board's page reads it. */
const createHandlers = (rooms: RouteDeps) => {
  const queueOf = async (request: Request, response: Response) => {
    const address = parseQueueName(param(request, 'queueName'));
    if (address === undefined || !reaches(identityOf(response), address)) throw notFound('this queue');
    return existingQueue(rooms, address);
  };
  const onEmail =
    (work: (subject: Subject, request: Request) => Promise<void>): RequestHandler =>
    async (request, response) => {
      try {
        const queue = await queueOf(request, response);
        const record = await existingEmail(rooms, queue, param(request, 'jobId'));
        const identity = identityOf(response);
        await work({ queue, record, by: signatureOf(identity), hand: handOf(identity) }, request);
        response.status(204).end();
      } catch (error) {
        sendError(response, error);
      }
    };
  const onQueue =
    (what: 'paused' | 'resumed'): RequestHandler =>
    async (request, response) => {
      try {
        const queue = await queueOf(request, response);
        await setPaused(rooms, queue.address, what === 'paused', { by: signatureOf(identityOf(response)) });
        response.status(200).json({});
      } catch (error) {
        sendError(response, error);
      }
    };

  return { onEmail, onQueue };
};

/** Why not, and where the same is done. @param path below the board's: `/api/queues/<queue>/...` */
const refusalAt = (path: string): string => {
  const address = parseQueueName(/^\/api\/queues\/([^/]+)\//.exec(path)?.[1] ?? '');
  const page = address === undefined ? '/queues' : `/queues/${address.tenant}/${address.application}`;
  return `This would go round the rules of the service. The console does the same within them, at ${page}: actions on many emails at once, pauses, and the settings of queues.`;
};

export const boardActions = (rooms: RouteDeps, commands: Commands): Router => {
  const router = Router();
  const { onEmail, onQueue } = createHandlers(rooms);

  const email = '/api/queues/:queueName/:jobId';
  router.put(
    `${email}/retry`,
    onEmail((subject) => commands.release(subject)),
  );
  router.put(
    `${email}/promote`,
    onEmail((subject) => sendNow(rooms, commands, subject)),
  );
  router.put(
    `${email}/clean`,
    onEmail((subject) => commands.erase(subject)),
  );
  router.patch(
    `${email}/update-data`,
    ...jsonBody(rooms.config.maxBody),
    onEmail((subject, request) => {
      const { jobData } = request.body as { jobData: Partial<StoredEmail> };
      return correct(rooms, commands, subject, patchOf(jobData, subject.record.email));
    }),
  );
  router.put('/api/queues/:queueName/pause', onQueue('paused'));
  router.put('/api/queues/:queueName/resume', onQueue('resumed'));
  router.use((request, response, next) => {
    if (request.method === 'GET' || request.method === 'HEAD') return next();
    sendError(response, new Problem('forbidden', refusalAt(request.path)));
  });
  return router;
};
