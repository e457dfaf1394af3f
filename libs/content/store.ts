// What a content store does: bytes too large for a job, kept once under their SHA-256.
import type { Readable } from 'node:stream';

export interface StoredContent {
  /** `sha256-<64 hex digits>` of the bytes. */
  contentId: string;
  /** Bytes. */
  size: number;
}

/** Two stores exist: a folder and S3; the same suite runs against both. */
export interface ContentStore {
  /**
   * Keeps the bytes; the same bytes are kept once. Resolves when they are safe on the disk.
   * @param claim called when the id is known and before the bytes are there, so that nobody removes them in between; they
   *   are not kept where it throws
   */
  put(bytes: Buffer | Readable, claim?: (content: StoredContent) => Promise<void>): Promise<StoredContent>;
  /** The bytes as a stream; its errors carry `code: 'ENOENT'` where there are none. */
  read(contentId: string): Readable;
  /** The bytes at once; for parts that must be in memory anyway. @throws ENOENT */
  readAll(contentId: string): Promise<Buffer>;
  /** Bytes kept under this id, or undefined. */
  size(contentId: string): Promise<number | undefined>;
  /** Whoever calls makes sure that nobody needs the bytes any more. */
  remove: (contentId: string) => Promise<void>;
}

/** The store does not answer; it may do so again. */
export class ContentStoreAway extends Error {
  override name = 'ContentStoreAway';
}

/** What whoever only reads needs of a store. */
export type ContentReader = Pick<ContentStore, 'read' | 'readAll' | 'size'>;
