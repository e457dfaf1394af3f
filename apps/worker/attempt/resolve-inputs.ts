// What an email needs from elsewhere at its time: its sender, and data and documents that are fetched before a server is asked.
import type { Readable } from 'node:stream';
import type { Spooled } from '../../../libs/content/spool';
import type { ContentReader } from '../../../libs/content/store';
import { fetchData } from '../../../libs/fetch/fetch-data';
import { FetchFailure } from '../../../libs/fetch/failure';
import type { Fetcher, FetchRequest } from '../../../libs/fetch/fetcher';
import { signatureHeaders, type Signing } from '../../../libs/fetch/signature';
import type { Address } from '../../../libs/mail/address/address';
import type { FailureCode } from '../../../libs/mail/email/failure';
import { isComposite, readMediaType } from '../../../libs/mail/message/media-type';
import type { Outcome } from '../../../libs/mail/email/outcome';
import {
  isLinked,
  sendersOf,
  type LinkedAttachment,
  type StoredAttachment,
  type StoredEmail,
} from '../../../libs/mail/email/stored-email';
import { mayBeFrom, type StoredTransport } from '../../../libs/mail/settings/transport';
import type { Lease } from '../../../libs/jobs/transitions/lease';
import type { Clock } from '../../../libs/runtime/clock';
import { contentTypeOf, HEAD_BYTES } from '../../../libs/send/message/content-type';
import type { SigningSecretStore } from '../../../libs/store/registries/signing-secrets';
import { refusalOf, refused } from './refused';
import { endAttempt, type AdmittedAttempt, type EndedAttempt, type ResolvedAttempt } from './record/attempt-steps';
import type { AttemptSpool } from './record/attempt-spool';

const MIB = 1024 * 1024;
/** Of one fetched document, and of all that one email fetches. Bytes. */
const MOST_EACH = 25 * MIB;
const MOST_TOGETHER = 50 * MIB;
/** How long one document may take, ms. */
const LONGEST_MS = 60_000;

export interface ResolveInputsDeps {
  fetcher: Fetcher;
  content: ContentReader;
  signingSecrets: SigningSecretStore;
  clock: Clock;
}

export const needsFetching = (email: StoredEmail): boolean =>
  email.dataUrl !== undefined || (email.attachments ?? []).some(isLinked);

const FETCH_FAILURE_CODES: Record<'data' | 'attachment', Record<'refused' | 'gone' | 'invalid', FailureCode>> = {
  data: { refused: 'source-not-allowed', gone: 'data-gone', invalid: 'data-invalid' },
  attachment: { refused: 'source-not-allowed', gone: 'attachment-gone', invalid: 'attachment-invalid' },
};

/** A source that fails for now is no fault of the transport: only this email waits. */
const toOutcome = (what: 'data' | 'attachment', { kind, message, retryAfter }: FetchFailure): Outcome => {
  if (kind === 'for-now')
    return { kind: 'deferred', text: message, replies: [], ...(retryAfter !== undefined && { retryAfter }) };
  const limits = what === 'attachment' && kind === 'invalid' ? ' (25 MiB each, 50 MiB in all may be fetched)' : '';
  return refused(FETCH_FAILURE_CODES[what][kind], message + limits);
};

/** What a server says of a document is believed where it says something, and nothing that would be more than one part. */
const typeFromAnswer = (given: string | undefined): string | undefined => {
  const read = given === undefined || given.length > 255 ? undefined : readMediaType(given);
  if (read === undefined || isComposite(read.type)) return undefined;
  return /^(application|binary)\/octet-stream$/.test(read.type) ? undefined : given;
};

const headOf = async (bytes: Readable): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of bytes as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= HEAD_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, HEAD_BYTES);
};

/** A sender of the email whom a transport does not let: its From, or one of those that a complete message has. */
export const notAllowedSender = (
  { raw }: StoredEmail,
  from: Address,
  { allowedFrom }: StoredTransport,
): string | undefined =>
  [from.address, ...(raw === undefined ? [] : sendersOf(raw))].find((one) => !mayBeFrom(allowedFrom, one));

/** The sender, if the transport lets him; a complete message has one of its own, who must be allowed too. */
const senderOf = ({ lease, settings, transport }: AdmittedAttempt): Address | Outcome => {
  const { raw } = lease.email;
  const from = lease.email.from ?? (raw === undefined ? settings.from : { address: raw.from });
  if (from === undefined)
    return refused('from-missing', 'no sender: give the email a from, or its queue or tenant a default');
  const notAllowed = notAllowedSender(lease.email, from, transport.transport);
  if (notAllowed === undefined) return from;
  const text = `the transport ${settings.transport} does not allow emails from ${notAllowed}: correct from, or its allowedFrom`;
  return refused('from-not-allowed', text);
};

/** Every request of every start has an id of its own. */
const signing = async (deps: ResolveInputsDeps, lease: Lease, what: string): Promise<Signing> => ({
  id: `${lease.id}_${lease.starts}_${what}`,
  at: deps.clock.now(),
  secrets: await deps.signingSecrets.current(lease.queue.address.tenant),
});

const fetchDocument = async (
  deps: ResolveInputsDeps,
  { url, contentType, ...rest }: LinkedAttachment,
  order: Pick<FetchRequest, 'prefixes' | 'limits' | 'headers' | 'signal'>,
  spool: AttemptSpool,
): Promise<StoredAttachment> => {
  const answer = await deps.fetcher.fetch({ url, ...order });
  const { contentId, size }: Spooled = await spool.add(answer.body);
  const type = contentType ?? typeFromAnswer(answer.contentType);
  return { ...rest, contentId, size, ...(type !== undefined && { contentType: type }) };
};

/** With a type: its own, or one that its name or its first bytes tell. */
const withType = async (attachment: StoredAttachment, content: ContentReader): Promise<StoredAttachment> => {
  if (attachment.contentType !== undefined) return attachment;
  const head = () => headOf(content.read(attachment.contentId));
  return { ...attachment, contentType: await contentTypeOf(attachment.filename, head) };
};

const fetchEmailData = async (
  deps: ResolveInputsDeps,
  { lease, settings }: AdmittedAttempt,
): Promise<Record<string, unknown> | undefined> => {
  const { dataUrl } = lease.email;
  if (dataUrl === undefined) return undefined;
  const order = { url: dataUrl, prefixes: settings.dataSources, signal: lease.signal };
  return fetchData(deps.fetcher, { ...order, signing: await signing(deps, lease, 'data') });
};

/** All attachments; those that are links are fetched into the attempt's spool, in their order. */
const resolveAttachments = async (
  deps: ResolveInputsDeps,
  { lease, settings, spool }: AdmittedAttempt,
  content: ContentReader,
): Promise<StoredAttachment[]> => {
  const attachments: StoredAttachment[] = [];
  let left = MOST_TOGETHER;
  for (const [index, given] of (lease.email.attachments ?? []).entries()) {
    if (!isLinked(given)) {
      attachments.push(await withType(given, content));
      continue;
    }
    const order = {
      prefixes: settings.dataSources,
      limits: { bytes: Math.min(left, MOST_EACH), ms: LONGEST_MS },
      headers: signatureHeaders(await signing(deps, lease, String(index))),
      signal: lease.signal,
    };
    const attachment = await fetchDocument(deps, given, order, spool);
    left -= attachment.size;
    attachments.push(await withType(attachment, content));
  }
  return attachments;
};

/**
 * Fetches what the email names. A source that cannot be read, and a content that is not in the store, end the attempt.
 * @throws what nobody expected
 */
export const resolveInputs = async (
  deps: ResolveInputsDeps,
  attempt: AdmittedAttempt,
): Promise<ResolvedAttempt | EndedAttempt> => {
  const from = senderOf(attempt);
  if ('kind' in from) return endAttempt(attempt, from);
  let what: 'data' | 'attachment' = 'data';
  const fetched = needsFetching(attempt.lease.email) ? attempt.lease.waits(0) : undefined;
  try {
    const data = await fetchEmailData(deps, attempt);
    what = 'attachment';
    const content = attempt.spool.over(deps.content);
    const attachments = await resolveAttachments(deps, attempt, content);
    return { ...attempt, inputs: { from, ...(data && { data }), attachments, content } };
  } catch (error) {
    const outcome = error instanceof FetchFailure ? toOutcome(what, error) : refusalOf(error, attempt.lease);
    return endAttempt(attempt, outcome);
  } finally {
    fetched?.();
  }
};
