// The approval that an email needs: whose hands it went through, and who let it go.
import type { Failure } from './failure';

/** Somebody who made an email or changed it. */
export interface Involved {
  /** Their hand: what all keys have in common that go back to one (`handOf`). */
  hand: string;
  /** Them, as a history says it. */
  by: string;
}

export interface NeededApproval {
  /** Whoever sent or corrected it: none of them approves it. Empty where that is not known. */
  involved: Involved[];
  /** Who let it go as it is now. ISO 8601. */
  approved?: { by: string; at: string };
}

/** Why it stands where it stands. */
export const WAITS_FOR_APPROVAL = {
  code: 'approval-needed',
  text: 'waits for an administrator who neither sent nor corrected it',
} as const satisfies Failure;

/** May it go out, as far as approvals are concerned? */
export const isApproved = ({ needsApproval }: { needsApproval?: NeededApproval }): boolean =>
  needsApproval === undefined || needsApproval.approved !== undefined;

/** The approval that it needs from now on, which nobody has given. @param who has just made or changed it */
export const neededAnew = (before: NeededApproval | undefined, who: Involved | undefined): NeededApproval => {
  const known = before?.involved ?? [];
  const isNew = who !== undefined && !known.some(({ hand, by }) => hand === who.hand && by === who.by);
  return { involved: isNew ? [...known, who] : known };
};
