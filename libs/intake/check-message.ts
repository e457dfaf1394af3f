// A complete message on its way in: checked, and made ready to be kept.
import type { StoredRaw } from '../mail/email/stored-email';
import { readRawMessage } from '../mail/message/raw-message';
import { contentIdOf } from '../content/content-id';

/** @throws RawFault */
export const checkMessage = (given: Buffer): { bytes: Buffer; raw: StoredRaw } => {
  const { bytes, from, authors, subject, messageId, dated, eightBit, utf8 } = readRawMessage(given);
  const raw = {
    contentId: contentIdOf(bytes),
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
