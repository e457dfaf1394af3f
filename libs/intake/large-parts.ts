// The large parts of an email on its way in: what goes into the content store, and under which id.
import { contentIdOf } from '../content/content-id';
import type { ContentStore } from '../content/store';
import type { AttachmentInput, EmailInput } from '../mail/email/email';
import { problemAt } from '../mail/input/problem';
import { RawFault } from '../mail/message/raw-message';
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
import { checkMessage } from './check-message';
import { shareParts, type SharedParts } from './shared-parts';
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

const describe = <T>(given: AttachmentInput, where: T) => ({
  filename: given.filename,
  ...where,
  ...(given.contentType !== undefined && { contentType: given.contentType }),
  ...(given.cid !== undefined && { cid: given.cid }),
  ...(given.disposition !== undefined && { disposition: given.disposition }),
});

/** An attachment that came with its email. @param content base64 @param bytes gets it, by id */
const enclosed = (given: AttachmentInput, content: string, bytes: Map<string, () => Buffer>): StoredAttachment => {
  const decoded = Buffer.from(content, 'base64');
  const contentId = contentIdOf(decoded);
  bytes.set(contentId, () => Buffer.from(content, 'base64'));
  return describe(given, { contentId, size: decoded.length });
};

/** The parts that go into the content store: what remains is small enough for a job. */
const large = (email: StoredEmail): LargePart[] => {
  const sizes = LARGE_PARTS.map((part): [LargePart, number] => [part, Buffer.byteLength(asText(email, part))]);
  const kept = sizes.filter(([, size]) => size <= JOB_LIMIT);
  // Several parts that are each small enough may be too much together.
  const together = kept.reduce((sum, [, size]) => sum + size, 0) > JOB_LIMIT;
  return sizes.filter(([, size]) => size > (together ? JOB_LIMIT / 4 : JOB_LIMIT)).map(([part]) => part);
};

/** Moves large parts out of an email. @param bytes gets what was moved, by id */
const withoutLarge = (email: StoredEmail, bytes: Map<string, () => Buffer>): StoredEmail => {
  const isLong = LARGE_PARTS.some((part) => part !== 'data' && (email[part]?.length ?? 0) > JOB_LIMIT);
  // A character takes three bytes at most.
  if (!isLong && jsonOf(email).length * 3 <= JOB_LIMIT) return email;
  const moved = large(email);
  if (moved.length === 0) return email;
  const stored: Partial<Record<LargePart, PartInStore>> = {};
  for (const part of moved) {
    const content = Buffer.from(asText(email, part));
    const contentId = contentIdOf(content);
    stored[part] = { contentId, size: content.length };
    bytes.set(contentId, () => Buffer.from(asText(email, part)));
  }
  const rest = Object.fromEntries(Object.entries(email).filter(([name]) => !moved.includes(name as LargePart)));
  return { ...(rest as unknown as StoredEmail), stored };
};

const toProblem =
  (base: readonly PropertyKey[]) =>
  (error: unknown): never => {
    throw error instanceof RawFault ? problemAt('invalid', [...base, 'raw'], error.message) : error;
  };

/**
 * @param known a message that was checked before: an archived one that is sent again, or that of the email that is corrected
 * @param shared of the whole batch
 * @throws Problem `invalid` for a message that may not be sent, `content-unknown` for a content id that this queue does not have
 */
export const prepareParts = async (
  deps: Deps,
  address: QueueAddress,
  input: EmailInput,
  base: readonly PropertyKey[],
  known?: StoredRaw,
  shared: SharedParts = shareParts(deps.content).shared,
): Promise<Parts> => {
  /** Made when they are written: a thousand emails that wait for that do not hold them all. */
  const bytes = new Map<string, () => Buffer>();

  /** How many bytes this queue has under an id. */
  const sizeOf = async (contentId: string, path: PropertyKey[]): Promise<number> => {
    const brought = shared.size(contentId);
    if (brought !== undefined) {
      bytes.set(contentId, () => shared.bytes(contentId) ?? Buffer.alloc(0));
      return brought;
    }
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
      const { bytes: ready, raw } = checkMessage(Buffer.from(given, 'base64'));
      bytes.set(raw.contentId, () => ready);
      return raw;
    }
    if (known?.contentId === given.contentId) return known;
    await sizeOf(given.contentId, ['raw', 'contentId']);
    const raw = await shared.readMessage(given.contentId);
    if (raw.contentId !== given.contentId) remade = { raw, from: given.contentId };
    return raw;
  };

  const raw = input.raw === undefined ? undefined : await rawOf(input.raw).catch(toProblem(base));

  const attachments: Parts['attachments'] = [];
  for (const [index, given] of (input.attachments ?? []).entries()) {
    if (given.content !== undefined) attachments.push(enclosed(given, given.content, bytes));
    else if (given.url !== undefined) attachments.push(describe(given, { url: given.url }));
    else {
      const contentId = given.contentId ?? '';
      const size = await sizeOf(contentId, ['attachments', index, 'contentId']);
      attachments.push(describe(given, { contentId, size }));
    }
  }

  return {
    attachments,
    raw,
    place: (email) => withoutLarge(email, bytes),
    async store() {
      for (const [contentId, make] of bytes) await shared.put(contentId, make);
      if (remade === undefined || (await deps.content.size(remade.raw.contentId)) === remade.raw.size) return;
      await deps.content.put(checkMessage(await deps.content.readAll(remade.from)).bytes);
    },
  };
};

const asText = (email: StoredEmail, part: LargePart): string => {
  if (part === 'data') return email.data === undefined ? '' : JSON.stringify(email.data);
  return email[part] ?? '';
};
