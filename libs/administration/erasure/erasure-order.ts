// The erasure of one person as it is kept: an order that names nobody once it is done with, and how much went, by kind.
import { z } from 'zod';
import { addressFault } from '../../mail/address/address';
import type { OperationKind } from '../../internal-queues/operations';
import type { SecretBox } from '../../store/redis/secret-box';

export const ErasureInput = z
  .strictObject({
    recipient: z
      .string()
      .max(1_000)
      .superRefine((text, context) => {
        // Lists would take it for all addresses that begin or end so.
        const fault = text.includes('*')
          ? 'must be one whole address: * stands for others as well'
          : addressFault(text);
        if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
      })
      .meta({ description: 'The address of the person, without a name. Letters of either case are alike.' }),
    dryRun: z.boolean().optional().meta({ description: 'Erases nothing, and counts what would go.' }),
  })
  .meta({ id: 'ErasureRequest', examples: [{ recipient: 'ann@example.org', dryRun: true }] });

export interface ErasureOrder {
  id: string;
  tenant: string;
  /** The address, sealed; it goes when the order is done with. */
  sealed?: string;
  dryRun: boolean;
  by: string;
  /** Of one that is made again after a restore: what is of later stays, ms since 1970. The person may have come back. */
  before?: number;
}

/** What went, or would go, by kind. */
export interface ErasureProgress {
  /** Emails that went whole. */
  emails: number;
  /** Emails to others as well, that lost this recipient. */
  recipients: number;
  suppressions: number;
  operations: number;
  auditEntries: number;
  /** Emails that are being sent, copies that wait for an archive, and operations under way: their end is waited for. */
  left: number;
}

const NOTHING_YET: ErasureProgress = {
  emails: 0,
  recipients: 0,
  suppressions: 0,
  operations: 0,
  auditEntries: 0,
  left: 0,
};

/** What is left over is looked at every 3 s, for 20 minutes: longer than an attempt takes, or an archive that is started again. */
const TRIES = 400;

const withoutPerson = ({ id, tenant, dryRun, by }: ErasureOrder): ErasureOrder => ({ id, tenant, dryRun, by });

export const ERASURES: OperationKind<ErasureOrder, ErasureProgress> = {
  name: '_erasures',
  nothingYet: NOTHING_YET,
  tries: TRIES,
  kept: withoutPerson,
};

const place = (id: string): string => `erasure:${id}`;

export const sealRecipient = (secrets: SecretBox, id: string, recipient: string): string =>
  secrets.seal(recipient, place(id));

/** @returns undefined where the order is done with. @throws SecretKeyMissing */
export const openRecipient = (secrets: SecretBox, { id, sealed }: ErasureOrder): string | undefined =>
  sealed === undefined ? undefined : secrets.open(sealed, place(id));
