// Keeps a message as it is handed over: compressed, in the content store, before its first byte leaves.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { PassThrough } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { ContentStore, StoredContent } from '../../libs/content/store';
import { contentIdsOf, type StoredRaw } from '../../libs/mail/stored-email';
import type { Lease } from '../../libs/queue/email-worker';
import { FenceClosed, markArchive } from '../../libs/queue/marks';
import type { Message } from '../../libs/send/message';
import { rawMessage } from '../../libs/send/raw-message';
import type { ContentRefs } from '../../libs/store/content-refs';
import { MARK } from '../../libs/store/keys';
import type { Redis } from '../../libs/store/redis';

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

/**
 * Lets go of what was claimed for bytes that could not be stored: nothing names them. Those of an earlier attempt may be
 * the same.
 */
const claimed = async (
  deps: ArchiveDeps,
  { queue, id, email }: Lease,
  put: (claim: (content: StoredContent) => Promise<void>) => Promise<StoredContent>,
): Promise<string> => {
  let contentId: string | undefined;
  try {
    return (
      await put(async (content) => {
        ({ contentId } = content);
        await deps.refs.claim(queue.address, id, [content]);
      })
    ).contentId;
  } catch (error) {
    const known = await deps.redis.hget(queue.keys.job(id), MARK.archive);
    const isNeeded = known?.includes(`"${contentId}"`) === true || contentIdsOf(email).includes(contentId ?? '');
    // What failed first is what is told; the store may be away still.
    if (contentId !== undefined && !isNeeded)
      await deps.refs.release(queue.address, id, [contentId], deps.content.remove).catch(() => undefined);
    throw error;
  }
};

/**
 * Every attempt replaces what the one before it kept: the message of the last hand-over is the one that was sent.
 * @param facts of the message, for whoever looks at it or sends it again
 * @returns the message as it is kept, which is what must be handed over: composing it anew would make other boundaries
 * @throws FenceClosed where the email is not ours any more
 */
export const archiveMessage = async (
  deps: ArchiveDeps,
  lease: Lease,
  message: Message,
  facts: Pick<StoredRaw, 'from' | 'subject' | 'messageId'>,
): Promise<Message> => {
  const { address } = lease.queue;
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
  const letGo = async (id: string): Promise<void> => {
    if (!contentIdsOf(lease.email).includes(id)) await deps.refs.release(address, lease.id, [id], deps.content.remove);
  };
  const contentId = await claimed(deps, lease, (claim) => deps.content.put(zipped, claim));
  const kept: StoredRaw = {
    ...facts,
    contentId,
    size,
    dated: true,
    gzip: true,
    ...(message.eightBit && { eightBit: true }),
  };
  const { recorded, known } = await markArchive(deps.redis, lease.queue, lease, kept);
  const needless = recorded ? known : contentId;
  if (needless !== undefined && contentId !== known) await letGo(needless);
  if (!recorded) throw new FenceClosed('the hold on the email was lost: another worker may have it');
  if (Buffer.isBuffer(content)) return message;
  return rawMessage(kept, { messageId: '', date: 0 }, deps.content);
};
