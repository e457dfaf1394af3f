// The large parts of an email on its way in: what goes into the content store, and under which id.
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
import { broughtBytes, holding, sealedContent, sealPlaced, type Hold, type Sealing } from './sealing';
import { shareParts, type SharedParts } from './shared-parts';
import type { ContentRefs } from '../store/contents/content-refs';

/** A job stays smaller than this: lists read jobs whole. Bytes. */
const JOB_LIMIT = 16 * 1024;

export interface Parts {
  attachments: (StoredAttachment | LinkedAttachment)[];
  /** A complete message, where the email is one. */
  raw: StoredRaw | undefined;
  /** Moves large parts out of the email and names them instead; one that is confidential is sealed. */
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

/** An attachment that came with its email. @param content base64 */
const enclosed = (given: AttachmentInput, content: string, hold: Hold): StoredAttachment => {
  const decode = (): Buffer => Buffer.from(content, 'base64');
  return describe(given, { contentId: hold(decode), size: Buffer.byteLength(content, 'base64') });
};

/** The parts that go into the content store: what remains is small enough for a job. */
const large = (email: StoredEmail): LargePart[] => {
  const sizes = LARGE_PARTS.map((part): [LargePart, number] => [part, Buffer.byteLength(asText(email, part))]);
  const kept = sizes.filter(([, size]) => size <= JOB_LIMIT);
  // Several parts that are each small enough may be too much together.
  const together = kept.reduce((sum, [, size]) => sum + size, 0) > JOB_LIMIT;
  return sizes.filter(([, size]) => size > (together ? JOB_LIMIT / 4 : JOB_LIMIT)).map(([part]) => part);
};

/** Moves large parts out of an email. */
const withoutLarge = (email: StoredEmail, hold: Hold): StoredEmail => {
  const isLong = LARGE_PARTS.some((part) => part !== 'data' && (email[part]?.length ?? 0) > JOB_LIMIT);
  // A character takes three bytes at most.
  if (!isLong && jsonOf(email).length * 3 <= JOB_LIMIT) return email;
  const moved = large(email);
  if (moved.length === 0) return email;
  const stored: Partial<Record<LargePart, PartInStore>> = {};
  for (const part of moved) {
    const text = asText(email, part);
    stored[part] = { contentId: hold(() => Buffer.from(text)), size: Buffer.byteLength(text) };
  }
  const rest = Object.fromEntries(Object.entries(email).filter(([name]) => !moved.includes(name as LargePart)));
  return { ...(rest as unknown as StoredEmail), stored };
};

const toProblem =
  (base: readonly PropertyKey[]) =>
  (error: unknown): never => {
    throw error instanceof RawFault ? problemAt('invalid', [...base, 'raw'], error.message) : error;
  };

/** How many bytes this queue has of an upload. @throws Problem `content-unknown` */
const uploadedSize = async (
  deps: Deps,
  address: QueueAddress,
  contentId: string,
  at: readonly PropertyKey[],
): Promise<number> => {
  const size = (await deps.refs.has(address, contentId)) ? await deps.content.size(contentId) : undefined;
  if (size !== undefined) return size;
  throw problemAt('content-unknown', at, 'was not uploaded to this queue, or too long ago: upload it again');
};

/**
 * @param known a message that was checked before: an archived one that is sent again, or that of the email that is corrected
 * @param shared of the whole batch
 * @param sealing of a confidential email
 * @throws Problem `invalid` for a message that may not be sent, `content-unknown` for a content id that this queue does not have
 */
export const prepareParts = async (
  deps: Deps,
  address: QueueAddress,
  input: EmailInput,
  base: readonly PropertyKey[],
  known?: StoredRaw,
  shared: SharedParts = shareParts(deps.content).shared,
  sealing?: Sealing,
): Promise<Parts> => {
  /** Made when they are written: a thousand emails that wait for that do not hold them all. */
  const bytes = new Map<string, () => Buffer>();
  const hold = holding(bytes, sealing);

  /** How many bytes this queue has under an id, or the batch brought. */
  const sizeOf = async (contentId: string, path: PropertyKey[]): Promise<number> => {
    const brought = shared.size(contentId);
    if (brought === undefined) return uploadedSize(deps, address, contentId, [...base, ...path]);
    bytes.set(contentId, () => shared.bytes(contentId) ?? Buffer.alloc(0));
    return brought;
  };

  /** Bytes that are made from an upload, where they differ from it: only when they are written, and not kept. */
  let remade: { raw: StoredRaw; from: string } | undefined;

  const rawOf = async (given: NonNullable<EmailInput['raw']>): Promise<StoredRaw> => {
    if (typeof given === 'string') {
      const { bytes: ready, raw } = checkMessage(Buffer.from(given, 'base64'));
      return { ...raw, contentId: hold(() => ready) };
    }
    if (known?.contentId === given.contentId) return known;
    if (sealing !== undefined) {
      const brought = broughtBytes(shared, given.contentId, [...base, 'raw', 'contentId']);
      return rawOf(brought.toString('base64'));
    }
    await sizeOf(given.contentId, ['raw', 'contentId']);
    const raw = await shared.readMessage(given.contentId);
    if (raw.contentId !== given.contentId) remade = { raw, from: given.contentId };
    return raw;
  };

  const raw = input.raw === undefined ? undefined : await rawOf(input.raw).catch(toProblem(base));

  const attachments: Parts['attachments'] = [];
  for (const [index, given] of (input.attachments ?? []).entries()) {
    if (given.content !== undefined) attachments.push(enclosed(given, given.content, hold));
    else if (given.url !== undefined) attachments.push(describe(given, { url: given.url }));
    else {
      const contentId = given.contentId ?? '';
      const path = ['attachments', index, 'contentId'];
      const held =
        sealing === undefined
          ? { contentId, size: await sizeOf(contentId, path) }
          : sealedContent({ sealing, shared, hold }, contentId, [...base, ...path]);
      attachments.push(describe(given, held));
    }
  }

  return {
    attachments,
    raw,
    place: (email) => sealPlaced(sealing, address, withoutLarge(email, hold)),
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
