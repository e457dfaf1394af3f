// The right of an attempt to ask a server, by the limits of its transport and the rate of its queue; given back exactly once.
import type { Admission, Refusal } from '../../../../libs/store/limits/transport-limits';

export interface AttemptAdmission {
  /** The transport that it is for. */
  readonly transport: string;
  /** From now on (true) it counts as used, or (false) as if no server had been asked. */
  setServerAsked(asked: boolean): void;
  /**
   * Gives the right to the transport back and asks for another one; the rest of it, such as the queue's rate, stays.
   * @returns when to ask again, where the other transport does not admit it
   */
  changeTransport(admit: () => Promise<Admission | Refusal>): Promise<Refusal | undefined>;
  /** The server would not have the connection (`Admission.refused`). */
  refused: Admission['refused'];
  /** Ends it where a server was asked, else cancels it: emails that no server saw must not use up what it allows. */
  giveBack(): void;
}

/** @param given as the queue got it when the email was taken; owned by what is returned from now on */
export const holdAdmission = (given: Admission): AttemptAdmission => {
  const held = [given];
  let current = given;
  let serverAsked = false;
  return {
    get transport() {
      return current.transport;
    },
    setServerAsked(asked) {
      serverAsked = asked;
    },
    async changeTransport(admit) {
      if (current === given) (given.leaveTransport ?? given.cancel)();
      else current.cancel();
      const other = await admit();
      if ('until' in other) return other;
      held.push(other);
      current = other;
      return undefined;
    },
    refused: (words) => current.refused(words),
    giveBack() {
      for (const admission of held) (serverAsked ? admission.end : admission.cancel)();
    },
  };
};
