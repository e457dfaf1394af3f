// An address that a tenant's emails do not go to, and in which form addresses are compared for that.
import { z } from 'zod';
import { addressFault, HeaderText, normalizeAddress } from '../address/address';
import type { Reply } from '../email/outcome';

/** Who found that it must not be written to: a person, a server that would not have it, or its owner. */
export const SUPPRESSION_SOURCES = ['manual', 'bounce', 'complaint'] as const;
export type SuppressionSource = (typeof SUPPRESSION_SOURCES)[number];

/** As it is kept. */
export interface Suppression {
  reason?: string;
  source: SuppressionSource;
  /** ISO 8601 */
  at: string;
  /** Who put it, as a history says. */
  by: string;
}

export const SuppressionInput = z
  .strictObject({ reason: HeaderText(500).min(1).optional() })
  .meta({ id: 'SuppressionRequest', examples: [{ reason: 'asked by telephone not to be written to' }] });

/**
 * The form under which an address is kept and looked for: all of it in lower case, the domain in ASCII (RFC 5891), letters composed.
 * A server may tell `Ann@` from `ann@` (RFC 5321 2.4), and next to none does: whoever asked to be left alone asked for both.
 */
export const suppressionForm = (address: string): string => normalizeAddress(address).normalize('NFC');

/** @returns what is wrong with an address that somebody wants suppressed; undefined where it is fine */
export const suppressionFault = (address: string): string | undefined =>
  address.length > 1_000 ? 'is longer than 1000 characters' : addressFault(address);

const WITHOUT_REASON: Record<SuppressionSource, string> = {
  manual: 'put on the list by hand',
  bounce: 'it bounced before',
  complaint: 'its owner complained',
};

/** What an email's history says of a recipient that was left out. @param recipient the address in the envelope */
export const suppressedReply = (recipient: string, { reason, source }: Suppression): Reply => ({
  recipient,
  code: 0,
  text: `suppressed: ${reason ?? WITHOUT_REASON[source]}`,
});
