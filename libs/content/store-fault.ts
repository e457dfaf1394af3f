// What can be wrong with a content store, sorted by what follows from it, in words for whoever runs it.
import { codeOf, messageOf } from '../runtime/fault';

/** Why nothing can be kept or read now. */
export interface StoreProblem {
  code: 'storage-full' | 'storage-away';
  /** What is wrong, where, and what to do. */
  text: string;
}

/** The store does not work now; it may do so again. */
export class ContentStoreAway extends Error {
  override name = 'ContentStoreAway';
}

/** There is no room for the bytes. Nothing of them was kept. */
export class ContentStoreFull extends ContentStoreAway {
  override name = 'ContentStoreFull';
}

/** The bytes of this id are not there, or what lies there is something else. Says so like a file system: ENOENT. */
export class ContentMissing extends Error {
  override name = 'ContentMissing';
  readonly code = 'ENOENT';
  static none(contentId: string): ContentMissing {
    return new ContentMissing(`${contentId} is not in the content store`);
  }
  /** @param found what lies there instead, such as `12 bytes` */
  static damaged(contentId: string, found: string): ContentMissing {
    return new ContentMissing(
      `${contentId} in the content store is damaged (${found}): restore it from a backup, or hand it in again`,
    );
  }
}

/** No room left: of the disk, of a quota, of the size that a file may have (errno(3)). */
const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** What errno(3) means to whoever runs the service; others are told by their own code. */
const WORDS: Record<string, string> = {
  ENOSPC: 'the disk is full: make room',
  EDQUOT: 'the quota is used up: raise it or make room',
  EFBIG: 'files may not grow so large there: raise the limit of file sizes (ulimit -f)',
  EACCES: 'the service may not write there: give its user the right to',
  EPERM: 'the service may not write there: give its user the right to',
  EROFS: 'it is mounted read-only: mount it with write access',
  EIO: 'the disk answers with an error: see the log of the system',
  EMFILE: 'the process has too many files open: raise its limit (ulimit -n)',
  ENFILE: 'the system has too many files open: raise its limit (fs.file-max)',
  ENOTDIR: 'a part of its path is no folder',
  EEXIST: 'something that is no folder has its name',
  ENOENT: 'it went away while it was used: is its disk mounted?',
};

/** What a failed call to the file system means for a folder. @returns what to throw instead */
export const ofFileSystem = (error: unknown, folder: string): ContentStoreAway => {
  const code = codeOf(error) ?? '';
  const text = `${folder} cannot be used: ${WORDS[code] ?? messageOf(error)}`;
  return FULL.has(code) ? new ContentStoreFull(text, { cause: error }) : new ContentStoreAway(text, { cause: error });
};

/** As it is told by `/readyz` and `explain`. */
export const toStoreProblem = (error: ContentStoreAway): StoreProblem => ({
  code: error instanceof ContentStoreFull ? 'storage-full' : 'storage-away',
  text: error.message,
});
