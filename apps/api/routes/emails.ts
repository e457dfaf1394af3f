// Emails of a queue: accepted, looked at, listed, previewed.
import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { formatAddress } from '../../../libs/mail/address/address';
import { EmailInput } from '../../../libs/mail/email/email';
import { Slug } from '../../../libs/mail/address/queue-address';
import { RecipientFilter } from '../../../libs/mail/address/recipient-pattern';
import { STATES } from '../../../libs/mail/email/state';
import { toStoredEmail } from '../../../libs/mail/email/stored-email';
import { type EmailRecord } from '../../../libs/jobs/layout/email-record';
import { readHistory } from '../../../libs/jobs/read/history';
import { listEmails } from '../../../libs/jobs/read/list';
import type { EmailQueue } from '../../../libs/jobs/layout/queues';
import { param, signatureOf } from '../http/auth';
import { previewOfRaw, rendered } from '../views/preview';
import { bodyOf, parseBody, parseQuery } from '../http/input';
import { openCursor, sealCursor } from '../http/page';
import { BatchInput, IdempotencyKey, readBatch } from '../../../libs/intake/batch-lines';
import { prepareParts } from '../../../libs/intake/large-parts';
import { withData } from '../../../libs/intake/preview-data';
import type { Rooms } from '../http/rooms';
import { emailSummary, emailView, etagOf } from '../views/view';
import { parseInput } from '../../../libs/mail/input/parse-input';
import { existingEmail, existingQueue } from '../../../libs/administration/existing';

const Time = z.iso.datetime({ offset: true });

export const ListQuery = z.strictObject({
  state: z.enum(STATES).optional(),
  recipient: RecipientFilter.optional(),
  template: Slug.optional(),
  tag: z.string().min(1).optional(),
  since: Time.optional(),
  until: Time.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().optional(),
});

/** Answers with an email as a whole, and its ETag. */
export const sendEmail = async (
  rooms: Rooms,
  response: Response,
  queue: EmailQueue,
  record: EmailRecord,
): Promise<void> => {
  const [settings, history] = await Promise.all([
    rooms.tenants.settings(queue.address, record.email),
    readHistory(rooms.redis, queue, record),
  ]);
  response.set('ETag', etagOf(record)).json(emailView(queue.address, record, settings, history));
};

const toTime = (text: string | undefined): number | undefined => (text === undefined ? undefined : Date.parse(text));

/** The request's idempotency key. @throws Problem `invalid` */
export const keyOf = (request: Request): string | undefined => {
  const given = request.get('Idempotency-Key');
  return given === undefined ? undefined : parseInput(IdempotencyKey, given, ['Idempotency-Key']);
};

const acceptOne = (rooms: Rooms) => async (request: Request, response: Response) => {
  const { address, identity } = await rooms.guard.queue(request, response, 'send');
  const idempotencyKey = keyOf(request);
  const body = bodyOf(request);
  const { receipt, replayed } = await rooms.accept.one(address, {
    body,
    by: signatureOf(identity),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  });
  if (replayed) response.set('Idempotency-Replayed', 'true');
  response
    .status(202)
    .location(`/v1/queues/${address.tenant}/${address.application}/emails/${receipt.id}`)
    .json(receipt);
};

const acceptBatch = (rooms: Rooms) => async (request: Request, response: Response) => {
  const { address, identity } = await rooms.guard.queue(request, response, 'send');
  const batch = parseBody(BatchInput, request);
  const key = keyOf(request);
  const by = signatureOf(identity);
  const { results, replayed } = await rooms.accept.many(
    address,
    readBatch(rooms.content, batch, by),
    key === undefined ? undefined : { key, body: bodyOf(request) },
  );
  if (replayed) response.set('Idempotency-Replayed', 'true');
  const codes = results.flatMap((result) => ('problem' in result ? [result.problem.code] : []));
  if (codes.length > 0) rooms.mailLog.linesRefused(address, { by, of: results.length, codes });
  const none = codes.length === results.length;
  response.status(none ? 422 : 202).json({ results });
};

/** Headers, boundaries and line breaks that come on top of the parts, roughly. Bytes. */
const FRAME_SIZE = 1_024;

const preview = (rooms: Rooms) => async (request: Request, response: Response) => {
  const { address } = await rooms.guard.queue(request, response, 'read');
  const input = parseBody(EmailInput, request);
  // Whoever only reads emails must not read what lies beside them at the sources.
  if (input.dataUrl !== undefined) await rooms.guard.queue(request, response, 'send');
  const settings = await rooms.tenants.settings(address, input);
  const parts = await prepareParts(rooms, address, input, []);
  await rooms.accept.checkReferences(address, input, settings, [], parts.raw);
  if (input.raw !== undefined) return void response.json(await previewOfRaw(rooms, address, input.raw));
  const email = toStoredEmail(input, { domain: rooms.config.name, expiresAt: rooms.clock.now(), attachments: [] });
  const { subject, html, text, version } = await rendered(rooms, address, await withData(rooms, address, email));
  const headers = {
    ...(settings.from && { From: formatAddress(settings.from) }),
    To: email.to.map(formatAddress).join(', '),
    ...(email.cc && { Cc: email.cc.map(formatAddress).join(', ') }),
    ...(settings.replyTo.length > 0 && { 'Reply-To': settings.replyTo.map(formatAddress).join(', ') }),
    Subject: subject,
    ...email.headers,
  };
  const attached = (input.attachments ?? []).reduce((sum, { content }) => sum + (content?.length ?? 0), 0);
  const size = Buffer.byteLength(html ?? '') + Buffer.byteLength(text) + attached + FRAME_SIZE;
  response.json({
    subject,
    ...(html !== undefined && { html }),
    text,
    headers,
    size,
    ...(version !== undefined && { templateVersion: version }),
  });
};

const list = (rooms: Rooms) => async (request: Request, response: Response) => {
  const { address } = await rooms.guard.queue(request, response, 'read');
  const { limit, cursor, since, until, recipient, ...filter } = parseQuery(ListQuery, request);
  const queue = await existingQueue(rooms, address);
  const order = `emails ${queue.name} ${recipient ?? ''}`;
  const page = await listEmails(
    rooms.redis,
    queue,
    { ...filter, recipient, since: toTime(since), until: toTime(until) },
    { limit, cursor: cursor === undefined ? undefined : openCursor(order, cursor), now: rooms.clock.now() },
  );
  response.json({
    emails: page.emails.map((record) => emailSummary(address, record)),
    nextCursor: page.cursor === undefined ? null : sealCursor(order, page.cursor),
  });
};

const one = (rooms: Rooms) => async (request: Request, response: Response) => {
  const { address } = await rooms.guard.queue(request, response, 'read');
  const queue = await existingQueue(rooms, address);
  await sendEmail(rooms, response, queue, await existingEmail(rooms, queue, param(request, 'id')));
};

export const emailRoutes = (rooms: Rooms): Router => {
  const router = Router({ mergeParams: true });
  router.post('/', acceptOne(rooms));
  router.post('/batch', acceptBatch(rooms));
  router.post('/render', preview(rooms));
  router.get('/', list(rooms));
  router.get('/:id', one(rooms));
  return router;
};
