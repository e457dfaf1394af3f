// Hands one copy over to the archive of its queue: as a journal report by SMTP, or posted.
import { buffer } from 'node:stream/consumers';
import type { ContentReader } from '../../../libs/content/store';
import { hashOf } from '../../../libs/content/content-id';
import { postSigned } from '../../../libs/events/webhooks/post-event';
import { withoutAddresses } from '../../../libs/events/mail-log';
import type { Fetcher } from '../../../libs/fetch/fetcher';
import type { ArchiveCopy } from '../../../libs/jobs/traces/archive-copy';
import type { QueueAddress } from '../../../libs/mail/address/queue-address';
import type { ArchiveTo } from '../../../libs/mail/settings/archive-to';
import type { Clock } from '../../../libs/runtime/clock';
import { journalReport } from '../../../libs/send/message/journal-report';
import { envelopeAddress, type Message } from '../../../libs/send/message/message';
import { rawMessage } from '../../../libs/send/message/raw-message';
import type { SendRequest, SendResult } from '../../../libs/send/smtp/transmit';
import type { Limits } from '../../../libs/store/limits/transport-limits';
import type { SigningSecretStore } from '../../../libs/store/registries/signing-secrets';
import { outcomeOf } from '../attempt/classify';
import { loadTransport, type LoadTransportDeps } from '../attempt/load-transport';

/** So long a hand-over may take, ms: a large message over a slow line. */
const LONGEST_MS = 60_000;

export interface GiveCopyDeps extends LoadTransportDeps {
  content: ContentReader;
  fetcher: Fetcher;
  signingSecrets: Pick<SigningSecretStore, 'current'>;
  limits: Pick<Limits, 'admit'>;
  clock: Clock;
  /** Never rejects. */
  sendMessage: (request: SendRequest) => Promise<SendResult>;
}

/** What came of it. `later`: nobody was asked, since the transport is at its limit until then (ms since 1970). */
export type Given =
  { kind: 'taken' } | { kind: 'refused'; text: string; retryAfter?: number } | { kind: 'later'; until: number };

const NOBODY = { accepted: [], refused: [] };

/** What is in the message cannot be in its boundary. */
const boundaryOf = ({ message }: ArchiveCopy): string => `rohrpost-${hashOf(message.contentId)}`;

const report = (address: string, { tenant, application }: QueueAddress, copy: ArchiveCopy, message: Message) =>
  journalReport(
    {
      reportId: copy.id,
      archive: address,
      from: envelopeAddress({ address: copy.message.from }),
      subject: copy.message.subject ?? '',
      messageId: copy.messageId,
      to: copy.to,
      cc: copy.cc ?? [],
      bcc: copy.bcc ?? [],
      email: copy.email,
      queue: `${tenant}/${application}`,
      sentAt: copy.sentAt,
      boundary: boundaryOf(copy),
    },
    message,
  );

const bySmtp = async (
  deps: GiveCopyDeps,
  queue: QueueAddress,
  copy: ArchiveCopy,
  address: string,
  message: Message,
  signal: AbortSignal,
): Promise<Given> => {
  const transport = await loadTransport(deps, queue.tenant, copy.transport);
  if (transport === undefined) return { kind: 'refused', text: `the transport ${copy.transport} does not exist` };
  const admission = await deps.limits.admit(queue.tenant, copy.transport, transport.transport.limits);
  if ('until' in admission) return { kind: 'later', until: admission.until };
  try {
    const result = await deps.sendMessage({
      transport,
      envelope: { from: envelopeAddress({ address: copy.message.from }), to: [address] },
      message: await report(address, queue, copy, message),
      // Twice does no harm to an archive: nothing is noted before.
      beforeMessage: () => Promise.resolve(),
      signal,
    });
    if (result.kind === 'postponed') return { kind: 'refused', text: result.text };
    const outcome = outcomeOf(result, [address], NOBODY);
    if (outcome.kind === 'sent') return { kind: 'taken' };
    const isLate = outcome.kind === 'interrupted';
    return { kind: 'refused', text: isLate ? `was not done within ${LONGEST_MS} ms` : outcome.text };
  } finally {
    admission.end();
  }
};

const bytesOf = ({ content }: Message): Promise<Buffer> | Buffer =>
  Buffer.isBuffer(content) ? content : buffer(content());

/** What is told beside the message. */
const metadataOf = (copy: ArchiveCopy, { tenant, application }: QueueAddress) => ({
  id: copy.email,
  tenant,
  application,
  sentAt: new Date(copy.sentAt).toISOString(),
  messageId: copy.messageId,
  from: copy.message.from,
  ...(copy.message.subject !== undefined && { subject: copy.message.subject }),
  to: copy.to,
  cc: copy.cc ?? [],
  bcc: copy.bcc ?? [],
  transport: copy.transport,
  tags: copy.tags ?? [],
  metadata: copy.metadata ?? {},
});

/** One part of a form (RFC 7578): all of it is signed, the metadata as well as the message. */
const part = (boundary: string, disposition: string, type: string): string =>
  `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\nContent-Type: ${type}\r\n\r\n`;

const byHttp = async (
  deps: GiveCopyDeps,
  queue: QueueAddress,
  copy: ArchiveCopy,
  url: string,
  message: Message,
  signal: AbortSignal,
): Promise<Given> => {
  const boundary = boundaryOf(copy);
  const named = `name="message"; filename="${copy.email}.eml"`;
  const body = Buffer.concat([
    Buffer.from(part(boundary, 'name="metadata"', 'application/json') + JSON.stringify(metadataOf(copy, queue))),
    Buffer.from(`\r\n${part(boundary, named, 'message/rfc822')}`),
    await bytesOf(message),
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
  const posted = await postSigned(deps.fetcher, {
    url,
    secrets: await deps.signingSecrets.current(queue.tenant),
    id: copy.id,
    contentType: `multipart/form-data; boundary=${boundary}`,
    body,
    at: deps.clock.now(),
    ms: LONGEST_MS,
    signal,
  });
  if (posted.taken) return { kind: 'taken' };
  const { status, text, retryAfter } = posted;
  const said = status === undefined ? text : `it answered ${status} ${text}`.trim();
  return { kind: 'refused', text: said, ...(retryAfter !== undefined && { retryAfter }) };
};

/**
 * @param signal of the worker that stops
 * @throws the signal's reason, and what Redis or the content store say
 */
export const giveCopy = async (
  deps: GiveCopyDeps,
  queue: QueueAddress,
  copy: ArchiveCopy,
  { address, url }: ArchiveTo,
  stopping: AbortSignal,
): Promise<Given> => {
  const message = await rawMessage(copy.message, { messageId: copy.messageId, date: copy.sentAt }, deps.content);
  const signal = AbortSignal.any([stopping, AbortSignal.timeout(LONGEST_MS)]);
  const given =
    address === undefined
      ? await byHttp(deps, queue, copy, url ?? '', message, stopping)
      : await bySmtp(deps, queue, copy, address, message, signal);
  stopping.throwIfAborted();
  return given.kind === 'refused' ? { ...given, text: withoutAddresses(given.text) } : given;
};
