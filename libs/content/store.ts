// What a content store does: bytes too large for a job, kept once under their SHA-256.
import type { Readable } from 'node:stream';
import type { StoreProblem } from './store-fault';

export interface StoredContent {
  /** `sha256-<64 hex digits>` of the bytes. */
  contentId: string;
  /** Bytes. */
  size: number;
}

/**
 * Two stores exist: a folder and S3; the same suite runs against both. Every call may throw ContentStoreAway, where the
 * store cannot be asked now, and `put` ContentStoreFull.
 */
export interface ContentStore {
  /**
   * Keeps the bytes; the same bytes are kept once. Resolves when they are safe on the disk, and were found to be all there.
   * @param claim called when the id is known and before the bytes are there, so that nobody removes them in between; they
   *   are not kept where it throws
   */
  put(bytes: Buffer | Readable, claim?: (content: StoredContent) => Promise<void>): Promise<StoredContent>;
  /**
   * The bytes as a stream, compared with their hash as they pass: one that is not what its id says ends in ContentMissing
   * instead of its end.
   */
  read(contentId: string): Readable;
  /** The bytes at once; for parts that must be in memory anyway. @throws ContentMissing */
  readAll(contentId: string): Promise<Buffer>;
  /** Bytes kept under this id, or undefined. */
  size(contentId: string): Promise<number | undefined>;
  /** Whoever calls makes sure that nobody needs the bytes any more. */
  remove: (contentId: string) => Promise<void>;
  /** The text that `writeEpoch` kept last, or undefined (libs/events/epoch/epoch.ts). */
  readEpoch(): Promise<string | undefined>;
  /** Keeps a short text beside the contents, in place of the one before; it survives a power cut. */
  writeEpoch(text: string): Promise<void>;
  /** The same for the text that `writeErasures` kept (libs/store/suppressions/erasure-marks.ts). */
  readErasures(): Promise<string | undefined>;
  writeErasures(text: string): Promise<void>;
  /** What keeps it from working now, a sentence each; none where it works. May be asked often. */
  problems(): Promise<StoreProblem[]>;
}

/** What whoever only reads needs of a store. */
export type ContentReader = Pick<ContentStore, 'read' | 'readAll' | 'size'>;
