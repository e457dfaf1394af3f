// What many emails of a batch have in common is decoded, checked and stored once.
import { contentIdOf } from '../content/content-id';
import type { ContentStore } from '../content/store';
import type { StoredRaw } from '../mail/email/stored-email';
import { checkMessage } from './check-message';

export interface SharedParts {
  /** Bytes that came with the defaults of the batch, by their content id. */
  size(contentId: string): number | undefined;
  bytes(contentId: string): Buffer | undefined;
  /** Reads and checks an uploaded message, or one that came with the defaults. @throws RawFault */
  readMessage(contentId: string): Promise<StoredRaw>;
  /** Stores bytes once, however many emails of the batch have them; called after they were claimed. */
  put(contentId: string, bytes: () => Buffer): Promise<void>;
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const isBase64 = (text: unknown): text is string =>
  typeof text === 'string' && text.length % 4 === 0 && BASE64.test(text);

type Fields = Record<string, unknown>;
const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A complete message that was checked already, and is named by its id; it is in no store yet. */
export const shareMessage = (content: ContentStore, bytes: Buffer, raw: StoredRaw): SharedParts => ({
  size: (contentId) => (contentId === raw.contentId ? bytes.length : undefined),
  bytes: (contentId) => (contentId === raw.contentId ? bytes : undefined),
  readMessage: () => Promise.resolve(raw),
  put: async (_contentId, make) => void (await content.put(make())),
});

/**
 * @param defaults fields that go under each email of the batch
 * @returns the same, with bytes named by their id; what is no base64 stays, to be refused line by line
 */
export const shareParts = (content: ContentStore, defaults: Fields = {}): { defaults: Fields; shared: SharedParts } => {
  const brought = new Map<string, { size: number; text: string }>();
  const stored = new Set<string>();
  const messages = new Map<string, Promise<StoredRaw>>();
  let last: Promise<unknown> = Promise.resolve();

  const bring = (text: string): string => {
    const bytes = Buffer.from(text, 'base64');
    const contentId = contentIdOf(bytes);
    brought.set(contentId, { size: bytes.length, text });
    return contentId;
  };
  const bringAttachment = (given: unknown): unknown => {
    if (!isObject(given) || !isBase64(given['content']) || 'contentId' in given) return given;
    const { content: text, ...rest } = given;
    return { ...rest, contentId: bring(text) };
  };
  const bytes = (contentId: string): Buffer | undefined => {
    const text = brought.get(contentId)?.text;
    return text === undefined ? undefined : Buffer.from(text, 'base64');
  };

  const { attachments, raw } = defaults;
  const named = {
    ...defaults,
    ...(Array.isArray(attachments) && { attachments: (attachments as unknown[]).map(bringAttachment) }),
    ...(isBase64(raw) && { raw: { contentId: bring(raw) } }),
  };
  const shared: SharedParts = {
    size: (contentId) => brought.get(contentId)?.size,
    bytes,
    // One after another: the thousand emails of a batch may name as many messages of 25 MiB.
    readMessage(contentId) {
      const read =
        messages.get(contentId) ??
        last.then(async () => checkMessage(bytes(contentId) ?? (await content.readAll(contentId))).raw);
      messages.set(contentId, read);
      last = read.catch(() => undefined);
      return read;
    },
    async put(contentId, make) {
      // An email that was accepted before may have been sent, and have taken the bytes away, since they were stored.
      if (stored.has(contentId) && (await content.size(contentId)) !== undefined) return;
      await content.put(make());
      stored.add(contentId);
    },
  };
  return { defaults: named, shared };
};
