// What an email needs from elsewhere at its time: data and documents are fetched before the server is asked for anything.
import { createReadStream } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { verified, verifiedStream } from '../../libs/content/content-id';
import { spool, type Spooled } from '../../libs/content/spool';
import type { ContentReader } from '../../libs/content/store';
import { fetchData } from '../../libs/fetch/data';
import { FetchFailure } from '../../libs/fetch/failure';
import type { Fetcher, FetchRequest } from '../../libs/fetch/fetcher';
import { signatureHeaders, type Signing } from '../../libs/fetch/signature';
import type { FailureCode } from '../../libs/mail/email/failure';
import type { Outcome } from '../../libs/mail/email/outcome';
import type { ResolvedSettings } from '../../libs/mail/settings/settings';
import { isComposite, readMediaType } from '../../libs/mail/message/media-type';
import {
  isLinked,
  type LinkedAttachment,
  type StoredAttachment,
  type StoredEmail,
} from '../../libs/mail/email/stored-email';
import type { Lease } from '../../libs/jobs/transitions/lease';
import type { Clock } from '../../libs/runtime/clock';
import { contentTypeOf, HEAD_BYTES } from '../../libs/send/message/content-type';
import type { SigningSecretStore } from '../../libs/store/registries/signing-secrets';

const MIB = 1024 * 1024;
/** Of one fetched document, and of all that one email fetches. Bytes. */
const MOST_EACH = 25 * MIB;
const MOST_TOGETHER = 50 * MIB;
/** How long one document may take, ms. */
const LONGEST_MS = 60_000;

export interface GatherDeps {
  fetcher: Fetcher;
  content: ContentReader;
  signingSecrets: SigningSecretStore;
  /** Where documents lie during an attempt. */
  spoolFolder: string;
  clock: Clock;
}

/** Everything that the message is made of. */
export interface Gathered {
  /** The object of `dataUrl`. */
  fetched?: Record<string, unknown>;
  /** All attachments, each with its type; those that were fetched are in `content` like the others. */
  attachments: StoredAttachment[];
  content: ContentReader;
  /** Removes what was fetched; after it nothing can be read any more. */
  discard: () => Promise<void>;
}

export const needsFetching = (email: StoredEmail): boolean =>
  email.dataUrl !== undefined || (email.attachments ?? []).some(isLinked);

const CODES: Record<'data' | 'attachment', Record<'refused' | 'gone' | 'invalid', FailureCode>> = {
  data: { refused: 'source-not-allowed', gone: 'data-gone', invalid: 'data-invalid' },
  attachment: { refused: 'source-not-allowed', gone: 'attachment-gone', invalid: 'attachment-invalid' },
};

/** A source that fails for now is no fault of the transport: only this email waits. */
const toOutcome = (what: 'data' | 'attachment', { kind, message, retryAfter }: FetchFailure): Outcome => {
  if (kind === 'for-now')
    return { kind: 'deferred', text: message, replies: [], ...(retryAfter !== undefined && { retryAfter }) };
  const limits = what === 'attachment' && kind === 'invalid' ? ' (25 MiB each, 50 MiB in all may be fetched)' : '';
  return { kind: 'refused', code: CODES[what][kind], text: message + limits, replies: [] };
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

/** Reads files of this attempt where they are, everything else from the store. */
const overlay = (store: ContentReader, files: Map<string, Spooled>): ContentReader => ({
  read: (id) => {
    const file = files.get(id);
    return file === undefined
      ? store.read(id)
      : verifiedStream(id, () => createReadStream(file.path) as AsyncIterable<Buffer>);
  },
  readAll: async (id) => {
    const file = files.get(id);
    return file === undefined ? store.readAll(id) : verified(id, await readFile(file.path));
  },
  size: async (id) => files.get(id)?.size ?? store.size(id),
});

export const createGather = (deps: GatherDeps) => {
  /** Every request of every start has an id of its own. */
  const signing = async (lease: Lease, what: string): Promise<Signing> => ({
    id: `${lease.id}_${lease.starts}_${what}`,
    at: deps.clock.now(),
    secrets: await deps.signingSecrets.current(lease.queue.address.tenant),
  });

  const data = async (lease: Lease, url: string, prefixes: string[]): Promise<Record<string, unknown>> =>
    fetchData(deps.fetcher, { url, prefixes, signing: await signing(lease, 'data'), signal: lease.signal });

  const document = async (
    { url, contentType, ...rest }: LinkedAttachment,
    lease: Lease,
    order: Pick<FetchRequest, 'prefixes' | 'limits' | 'headers'>,
  ): Promise<{ file: Spooled; attachment: StoredAttachment }> => {
    const answer = await deps.fetcher.fetch({ url, ...order, signal: lease.signal });
    const file = await spool(deps.spoolFolder, answer.body, { sync: false });
    const type = contentType ?? typeFromAnswer(answer.contentType);
    const { contentId, size } = file;
    return { file, attachment: { ...rest, contentId, size, ...(type !== undefined && { contentType: type }) } };
  };

  const typed = async (attachment: StoredAttachment, content: ContentReader): Promise<StoredAttachment> => {
    if (attachment.contentType !== undefined) return attachment;
    const head = () => headOf(content.read(attachment.contentId));
    return { ...attachment, contentType: await contentTypeOf(attachment.filename, head) };
  };

  /**
   * Fetches what the email names; an outcome where that cannot be done.
   * @throws ENOENT where a stored attachment is not in the content store; the reason of the lease's signal
   */
  return async (lease: Lease, settings: ResolvedSettings): Promise<Gathered | Outcome> => {
    const { email } = lease;
    const files: Spooled[] = [];
    const discard = async (): Promise<void> => {
      for (const { path } of files) await rm(path, { force: true });
    };
    let what: 'data' | 'attachment' = 'data';
    try {
      const fetched = email.dataUrl === undefined ? undefined : await data(lease, email.dataUrl, settings.dataSources);
      what = 'attachment';
      const known = new Map<string, Spooled>();
      const content = overlay(deps.content, known);
      const attachments: StoredAttachment[] = [];
      let left = MOST_TOGETHER;
      for (const [index, given] of (email.attachments ?? []).entries()) {
        if (!isLinked(given)) {
          attachments.push(await typed(given, content));
          continue;
        }
        const { file, attachment } = await document(given, lease, {
          prefixes: settings.dataSources,
          limits: { bytes: Math.min(left, MOST_EACH), ms: LONGEST_MS },
          headers: signatureHeaders(await signing(lease, String(index))),
        });
        files.push(file);
        known.set(file.contentId, file);
        left -= file.size;
        attachments.push(await typed(attachment, content));
      }
      return { ...(fetched && { fetched }), attachments, content, discard };
    } catch (error) {
      await discard();
      if (error instanceof FetchFailure) return toOutcome(what, error);
      throw error;
    }
  };
};

export type Gather = ReturnType<typeof createGather>;
