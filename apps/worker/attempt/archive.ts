// Keeps a message as it is handed over: compressed, in the content store, before its first byte leaves.
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { ContentStore, StoredContent } from '../../../libs/content/store';
import { contentIdsOf, type StoredRaw } from '../../../libs/mail/email/stored-email';
import type { Lease } from '../../../libs/jobs/transitions/lease';
import { FenceClosed, markArchive, readArchive } from '../../../libs/jobs/transitions/hand-over-journal';
import type { Message } from '../../../libs/send/message/message';
import { rawMessage } from '../../../libs/send/message/raw-message';
import type { ContentRefs } from '../../../libs/store/contents/content-refs';
import type { Redis } from '../../../libs/store/redis/redis';
import { endAttempt, type ComposedAttempt, type EndedAttempt } from './record/attempt-steps';

export interface ArchiveDeps {
  redis: Redis;
  refs: ContentRefs;
  content: ContentStore;
}

/** Counts what passes. */
async function* counted(bytes: AsyncIterable<Buffer>, count: (size: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) {
    count(chunk.length);
    yield chunk;
  }
}

/** Lets go of a content that neither the email nor its archive names: attempts may have stored the same bytes. */
const letGo = async (deps: ArchiveDeps, { queue, id, email }: Lease, contentId: string): Promise<void> => {
  const archived = await readArchive(deps.redis, queue, id);
  if ([...contentIdsOf(email), archived?.contentId].includes(contentId)) return;
  await deps.refs.release(queue.address, id, [contentId], deps.content.remove);
};

/** Stores bytes for the email; what cannot be stored is not claimed afterwards. @returns their content id */
const store = async (deps: ArchiveDeps, lease: Lease, bytes: Readable): Promise<string> => {
  let claimed: string | undefined;
  const claim = async (content: StoredContent): Promise<void> => {
    claimed = content.contentId;
    await deps.refs.claim(lease.queue.address, lease.id, [content]);
  };
  try {
    return (await deps.content.put(bytes, claim)).contentId;
  } catch (error) {
    // What failed first is what is told; the store may be away still.
    if (claimed !== undefined) await letGo(deps, lease, claimed).catch(() => undefined);
    throw error;
  }
};

/**
 * Every attempt replaces what the one before it kept: the message of the last hand-over is the one that was sent.
 * @param facts of the message, for whoever looks at it or sends it again
 * @returns the message as it is kept, which is what must be handed over: composing it anew would make other boundaries; and its record
 * @throws FenceClosed where the email is not ours any more
 */
export const archiveMessage = async (
  deps: ArchiveDeps,
  lease: Lease,
  message: Message,
  facts: Pick<StoredRaw, 'from' | 'authors' | 'subject' | 'messageId'>,
): Promise<{ message: Message; kept: StoredRaw }> => {
  const { content } = message;
  let size = 0;
  const plain = Buffer.isBuffer(content) ? Readable.from([content], { objectMode: false }) : content();
  const zipped = new PassThrough();
  const zipping = pipeline(
    counted(plain as AsyncIterable<Buffer>, (bytes) => (size += bytes)),
    createGzip(),
    zipped,
  );
  // Who reads the end of the pipe hears of its faults; here they would be heard twice.
  zipping.catch(() => undefined);
  const contentId = await store(deps, lease, zipped);
  const kept: StoredRaw = {
    ...facts,
    contentId,
    size,
    dated: true,
    gzip: true,
    ...(message.eightBit && { eightBit: true }),
    ...(message.utf8 && { utf8: true }),
  };
  const { recorded, known } = await markArchive(deps.redis, lease.queue, lease, kept);
  const needless = recorded ? known : contentId;
  if (needless !== undefined) await letGo(deps, lease, needless);
  if (!recorded) throw new FenceClosed('the hold on the email was lost: another worker may have it');
  if (Buffer.isBuffer(content)) return { message, kept };
  return { message: await rawMessage(kept, { messageId: '', date: 0 }, deps.content), kept };
};

/** Archives the message where the `archive` setting, or an archive that it is to be handed to, asks for it. An email that is not ours any more ends the attempt. */
export const archive = async (deps: ArchiveDeps, attempt: ComposedAttempt): Promise<ComposedAttempt | EndedAttempt> => {
  const { lease, settings, message, facts } = attempt;
  if (lease.signal.aborted) return endAttempt(attempt, { kind: 'interrupted', text: String(lease.signal.reason) });
  if (!settings.archive && settings.archiveTo === undefined) return attempt;
  try {
    return { ...attempt, ...(await archiveMessage(deps, lease, message, facts)) };
  } catch (error) {
    if (!(error instanceof FenceClosed)) throw error;
    return endAttempt(attempt, { kind: 'interrupted', text: `stopped: ${error.message}` });
  }
};
