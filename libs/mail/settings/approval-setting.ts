// The setting of a queue that says which of its emails a second person must let go.
import { z } from 'zod';
import { Slug } from '../address/queue-address';

/** Without members every email of the queue needs an approval; with both, one that either of them names. */
export const Approval = z.strictObject({
  templates: z.array(Slug).min(1).max(100).optional(),
  recipientsAbove: z.int().min(0).max(100).optional(),
});

export type Approval = z.infer<typeof Approval>;

/** What of an email is looked at. */
export interface ApprovalCandidate {
  /** The name of its template. */
  template: string | undefined;
  /** How many people it goes to. */
  recipients: number;
}

/** Does the queue want an approval of such an email? */
export const asksApproval = (approval: Approval | undefined, { template, recipients }: ApprovalCandidate): boolean => {
  if (approval === undefined) return false;
  const { templates, recipientsAbove } = approval;
  if (templates === undefined && recipientsAbove === undefined) return true;
  if (recipientsAbove !== undefined && recipients > recipientsAbove) return true;
  return template !== undefined && templates?.includes(template) === true;
};
