// Emails of a queue: accepted one by one or many at once, and looked at.
import { existingEmail, existingQueue } from '../../../../libs/administration/existing';
import { BatchInput, BatchOfEmails, readBatch } from '../../../../libs/intake/batch-lines';
import type { QueueAddress } from '../../../../libs/mail/address/queue-address';
import { EmailInput } from '../../../../libs/mail/email/email';
import { handOf } from '../../../../libs/mail/settings/api-key';
import { BatchResults, EmailDetails, Receipt } from '../../answers/emails';
import { hasLines, jsonAs, LINES_TYPE, orLines, uncheckedJson } from '../../http/endpoint/body';
import { endpoint } from '../../http/endpoint/endpoint';
import { EMAILS } from '../../http/endpoint/paths';
import type { RouteDeps } from '../../http/route-deps';
import { emailAnswer } from '../../views/email-answer';
import { acceptLines, type LinesDeps } from './email-lines';

/** What may be wrong with an email besides its fields: with what it names, and the room that is left for it. */
export const EMAIL_PROBLEMS = [
  'transport-unknown',
  'from-not-allowed',
  'source-not-allowed',
  'template-unknown',
  'template-failed',
  'data-invalid',
  'content-unknown',
  'content-missing',
  'content-full',
  'storage-full',
  'not-durable',
] as const;

export const emailPath = ({ tenant, application }: QueueAddress, id: string): string =>
  `/v1/queues/${tenant}/${application}/emails/${id}`;

/** Of an answer that was given before. */
export const replayedHeader = (replayed: boolean): { 'Idempotency-Replayed'?: string } =>
  replayed ? { 'Idempotency-Replayed': 'true' } : {};

const STREAM =
  'As `application/x-ndjson` it takes any number of emails, one a line, each with an `idempotencyKey` of its own where it may be repeated: answered by 200 at once and by a line for each, `{index, id, state}` or `{index, problem}`, in the order of the lines.';
const LINES_ANSWER = {
  description: 'Of a stream: a line for each of its lines, as they are accepted.',
  type: LINES_TYPE,
};

const acceptEmail = endpoint({
  method: 'post',
  path: EMAILS,
  id: 'acceptEmail',
  tag: 'Emails',
  summary: 'Accept one email, or a stream of them',
  description: `Accepts an email, finished or as a template and data, for now or for later. When this has answered, the email is not lost any more. ${STREAM}`,
  may: { action: 'send', over: 'queue' },
  body: orLines(uncheckedJson(EmailInput)),
  heeds: ['Idempotency-Key'],
  grows: 'sometimes',
  answers: {
    200: LINES_ANSWER,
    202: { description: 'It is accepted.', schema: Receipt, headers: ['Location', 'Idempotency-Replayed'] },
  },
  problems: EMAIL_PROBLEMS,
  async handle(deps: LinesDeps, asked) {
    if (hasLines(asked.request)) return acceptLines(deps, asked);
    const { address, by, identity, body, idempotencyKey } = asked;
    const { receipt, replayed } = await deps.accept.one(address, {
      body,
      by,
      hand: handOf(identity),
      ...(idempotencyKey !== undefined && { idempotencyKey }),
    });
    return {
      status: 202,
      headers: { Location: emailPath(address, receipt.id), ...replayedHeader(replayed) },
      body: receipt,
    };
  },
});

const acceptBatch = endpoint({
  method: 'post',
  path: `${EMAILS}/batch`,
  id: 'acceptBatch',
  tag: 'Emails',
  summary: 'Accept up to 1,000 emails',
  description: `Each line is accepted or refused by itself; \`defaults\` are put under every line. An Idempotency-Key holds for the whole batch, and a line may have an \`idempotencyKey\` of its own. ${STREAM}`,
  may: { action: 'send', over: 'queue' },
  body: orLines(jsonAs(BatchInput, BatchOfEmails)),
  heeds: ['Idempotency-Key'],
  grows: 'sometimes',
  answers: {
    200: LINES_ANSWER,
    202: { description: 'At least one line is accepted.', schema: BatchResults, headers: ['Idempotency-Replayed'] },
    422: { description: 'No line is accepted: nothing was done.', schema: BatchResults },
  },
  problems: EMAIL_PROBLEMS,
  async handle(deps: LinesDeps & Pick<RouteDeps, 'content'>, asked) {
    const { address, by, identity, body, idempotencyKey, request } = asked;
    if (body === undefined) return acceptLines(deps, asked);
    const { accept, mailLog, content } = deps;
    const { results, replayed } = await accept.many(
      address,
      readBatch(content, body, { by, hand: handOf(identity) }),
      idempotencyKey === undefined ? undefined : { key: idempotencyKey, body: request.body as unknown },
    );
    const codes = results.flatMap((result) => ('problem' in result ? [result.problem.code] : []));
    if (codes.length > 0) mailLog.linesRefused(address, { by, of: results.length, codes });
    const none = codes.length === results.length;
    return { status: none ? 422 : 202, headers: replayedHeader(replayed), body: { results } };
  },
});

const getEmail = endpoint({
  method: 'get',
  path: `${EMAILS}/{id}`,
  id: 'getEmail',
  tag: 'Emails',
  summary: 'One email with its attempts and changes',
  description: 'The email as it is kept, the settings that hold for it now, what servers said, and who changed what.',
  may: { action: 'read', over: 'queue' },
  answers: { 200: { description: 'The email.', schema: EmailDetails, headers: ['ETag'] } },
  async handle(rooms: Pick<RouteDeps, 'tenants' | 'queues' | 'redis' | 'clock'>, { address, params }) {
    const queue = await existingQueue(rooms, address);
    return emailAnswer(rooms, queue, await existingEmail(rooms, queue, params.id));
  },
});

export const EMAIL_ENDPOINTS = [acceptEmail, acceptBatch, getEmail];
