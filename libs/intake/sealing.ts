// A confidential email on its way in: what it is sealed with, and which bytes it may name.
import { randomBytes } from 'node:crypto';
import { createContentCipher, SEAL_BYTES } from '../content/content-cipher';
import { contentIdOf } from '../content/content-id';
import { sealEmail } from '../jobs/layout/sealed-email';
import type { QueueAddress } from '../mail/address/queue-address';
import { contentsOf, type PartInStore, type StoredEmail } from '../mail/email/stored-email';
import { problemAt } from '../mail/input/problem';
import type { SecretBox } from '../store/redis/secret-box';
import type { SharedParts } from './shared-parts';

/** What a confidential email is sealed with. */
export interface Sealing {
  box: SecretBox;
  /** Of its contents, 32 bytes. */
  key: Buffer;
  /** Contents that it has already, sealed with that key: id -> plain bytes. */
  has: ReadonlyMap<string, number>;
}

/** Keeps bytes that are made when they are written. @returns the id that they are kept under */
export type Hold = (make: () => Buffer) => string;

/** @param bytes gets what is to be written, by id */
export const holding = (bytes: Map<string, () => Buffer>, sealing: Sealing | undefined): Hold => {
  const cipher = sealing && createContentCipher(sealing.key);
  return (plain) => {
    const nonce = randomBytes(12);
    const make = cipher === undefined ? plain : () => cipher.seal(plain(), nonce);
    const contentId = contentIdOf(make());
    bytes.set(contentId, make);
    return contentId;
  };
};

/** Bytes that came with the batch of a confidential email. @throws Problem `invalid` for others */
export const broughtBytes = (shared: SharedParts, contentId: string, at: readonly PropertyKey[]): Buffer => {
  const brought = shared.bytes(contentId);
  if (brought !== undefined) return brought;
  throw problemAt(
    'invalid',
    at,
    'a confidential email must enclose its bytes (content, raw): what was uploaded lies in the content store unsealed',
  );
};

/** A content that a confidential email has, or that came with its batch. @throws Problem `invalid` for others */
export const sealedContent = (
  { sealing, shared, hold }: { sealing: Sealing; shared: SharedParts; hold: Hold },
  contentId: string,
  at: readonly PropertyKey[],
): PartInStore => {
  const size = sealing.has.get(contentId);
  if (size !== undefined) return { contentId, size };
  const { length } = broughtBytes(shared, contentId, at);
  return { contentId: hold(() => broughtBytes(shared, contentId, at)), size: length };
};

/** @param placed with its large parts in contents; sealed where it is confidential */
export const sealPlaced = (sealing: Sealing | undefined, address: QueueAddress, placed: StoredEmail): StoredEmail => {
  if (sealing === undefined) return placed;
  const contents = contentsOf(placed).map(({ contentId, size }) => ({ contentId, size: size + SEAL_BYTES }));
  return sealEmail(sealing.box, address, placed, { key: sealing.key, contents });
};
