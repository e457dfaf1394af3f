// The large parts of an email on its way in: what goes into the content store, and under which id.
import { createHash } from 'node:crypto';
import type { ContentStore } from '../content/store';
import type { AttachmentInput, EmailInput } from '../mail/email/email';
import { problemAt } from '../mail/input/problem';
import { RawFault, readRawMessage } from '../mail/message/raw-message';
import type { QueueAddress } from '../mail/address/queue-address';
import {
  jsonOf,
  LARGE_PARTS,
  type LargePart,
  type LinkedAttachment,
  type PartInStore,
  type StoredAttachment,
  type StoredEmail,
  type StoredRaw,
} from '../mail/email/stored-email';
import type { ContentRefs } from '../store/contents/content-refs';

/** A job stays smaller than this: lists read jobs whole. Bytes. */
const JOB_LIMIT = 16 * 1024;

export interface Parts {
  attachments: (StoredAttachment | LinkedAttachment)[];
  /** A complete message, where the email is one. */
  raw: StoredRaw | undefined;
  /** Moves large parts out of the email and names them instead. */
  place(email: StoredEmail): StoredEmail;
  /** Writes the bytes. Called after they were claimed, so that nobody removes them meanwhile. */
  store(): Promise<void>;
}

interface Deps {
  content: ContentStore;
  refs: ContentRefs;
}

const idOf = (bytes: Buffer): string => `sha256-${createHash('sha256').update(bytes).digest('hex')}`;

const describe = <T>(given: AttachmentInput, where: T) => ({
  filename: given.filename,
  ...where,
  ...(given.contentType !== undefined && { contentType: given.contentType }),
  ...(given.cid !== undefined && { cid: given.cid }),
  ...(given.disposition !== undefined && { disposition: given.disposition }),
});

/** @throws RawFault */
const checked = (given: Buffer): { bytes: Buffer; raw: StoredRaw } => {
  const { bytes, from, authors, subject, messageId, dated, eightBit, utf8 } = readRawMessage(given);
  const raw = {
    contentId: idOf(bytes),
    size: bytes.length,
    from,
    ...(authors.length > 1 && { authors }),
    ...(subject !== undefined && { subject }),
    ...(messageId !== undefined && { messageId }),
    dated,
    ...(eightBit && { eightBit: true as const }),
    ...(utf8 && { utf8: true as const }),
  };
  return { bytes, raw };
};

/** Reads and checks an uploaded message. @throws RawFault */
export type ReadUploaded = (contentId: string) => Promise<StoredRaw>;

/** One after another and each once: the thousand emails of a batch may name as many messages of 25 MiB. */
export const createReadUploaded = (content: ContentStore): ReadUploaded => {
  const known = new Map<string, Promise<StoredRaw>>();
  let last: Promise<unknown> = Promise.resolve();
  return (contentId) => {
    const read = known.get(contentId) ?? last.then(async () => checked(await content.readAll(contentId)).raw);
    known.set(contentId, read);
    last = read.catch(() => undefined);
    return read;
  };
};

/**
 * @param known a message that was checked before: an archived one that is sent again, or that of the email that is corrected
 * @param readUploaded that of the whole batch
 * @throws Problem `invalid` for a message that may not be sent, `content-unknown` for a content id that this queue does not have
 */
export const prepareParts = async (
  deps: Deps,
  address: QueueAddress,
  input: EmailInput,
  base: readonly PropertyKey[],
  known?: StoredRaw,
  readUploaded: ReadUploaded = createReadUploaded(deps.content),
): Promise<Parts> => {
  const bytes = new Map<string, Buffer>();

  /** How many bytes this queue has under an id. */
  const sizeOf = async (contentId: string, path: PropertyKey[]): Promise<number> => {
    const size = (await deps.refs.has(address, contentId)) ? await deps.content.size(contentId) : undefined;
    if (size !== undefined) return size;
    throw problemAt(
      'content-unknown',
      [...base, ...path],
      'was not uploaded to this queue, or too long ago: upload it again',
    );
  };

  /** Bytes that are made from an upload, where they differ from it: only when they are written, and not kept. */
  let remade: { raw: StoredRaw; from: string } | undefined;

  const rawOf = async (given: NonNullable<EmailInput['raw']>): Promise<StoredRaw> => {
    if (typeof given === 'string') {
      const { bytes: ready, raw } = checked(Buffer.from(given, 'base64'));
      bytes.set(raw.contentId, ready);
      return raw;
    }
    if (known?.contentId === given.contentId) return known;
    await sizeOf(given.contentId, ['raw', 'contentId']);
    const raw = await readUploaded(given.contentId);
    if (raw.contentId !== given.contentId) remade = { raw, from: given.contentId };
    return raw;
  };

  const toProblem = (error: unknown): never => {
    throw error instanceof RawFault ? problemAt('invalid', [...base, 'raw'], error.message) : error;
  };
  const raw = input.raw === undefined ? undefined : await rawOf(input.raw).catch(toProblem);

  const attachments: (StoredAttachment | LinkedAttachment)[] = [];
  for (const [index, given] of (input.attachments ?? []).entries()) {
    if (given.content !== undefined) {
      const decoded = Buffer.from(given.content, 'base64');
      const contentId = idOf(decoded);
      bytes.set(contentId, decoded);
      attachments.push(describe(given, { contentId, size: decoded.length }));
      continue;
    }
    if (given.url !== undefined) {
      attachments.push(describe(given, { url: given.url }));
      continue;
    }
    const contentId = given.contentId ?? '';
    const size = await sizeOf(contentId, ['attachments', index, 'contentId']);
    attachments.push(describe(given, { contentId, size }));
  }

  const large = (email: StoredEmail): LargePart[] => {
    const sizes = LARGE_PARTS.map((part): [LargePart, number] => [part, Buffer.byteLength(asText(email, part))]);
    const kept = sizes.filter(([, size]) => size <= JOB_LIMIT);
    // Several parts that are each small enough may be too much together.
    const together = kept.reduce((sum, [, size]) => sum + size, 0) > JOB_LIMIT;
    return sizes.filter(([, size]) => size > (together ? JOB_LIMIT / 4 : JOB_LIMIT)).map(([part]) => part);
  };

  return {
    attachments,
    raw,
    place(email) {
      // A character takes three bytes at most.
      if (jsonOf(email).length * 3 <= JOB_LIMIT) return email;
      const moved = large(email);
      if (moved.length === 0) return email;
      const stored: Partial<Record<LargePart, PartInStore>> = {};
      for (const part of moved) {
        const content = Buffer.from(asText(email, part));
        stored[part] = { contentId: idOf(content), size: content.length };
        bytes.set(idOf(content), content);
      }
      const rest = Object.fromEntries(Object.entries(email).filter(([name]) => !moved.includes(name as LargePart)));
      return { ...(rest as unknown as StoredEmail), stored };
    },
    async store() {
      for (const content of bytes.values()) await deps.content.put(content);
      if (remade === undefined || (await deps.content.size(remade.raw.contentId)) === remade.raw.size) return;
      await deps.content.put(checked(await deps.content.readAll(remade.from)).bytes);
    },
  };
};

const asText = (email: StoredEmail, part: LargePart): string => {
  if (part === 'data') return email.data === undefined ? '' : JSON.stringify(email.data);
  return email[part] ?? '';
};
