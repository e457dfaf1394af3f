// What happens to emails, transports and queues, as whoever listens is told of it.
import type { FailureCode } from './failure';
import { failedState, type State } from './state';

export const EVENT_TYPES = [
  'email.accepted',
  'email.sent',
  'email.deferred',
  'email.failed',
  'email.expired',
  'email.canceled',
  'email.held',
  'email.released',
  'email.uncertain',
  'email.bounced',
  'email.complained',
  'transport.down',
  'transport.up',
  'queue.paused',
  'queue.resumed',
] as const;

export type EventType = (typeof EVENT_TYPES)[number];

/** What is written down of an event: never an address, which lives with the email and goes when it goes. */
export interface EventNote {
  type: EventType;
  /** ms since 1970 */
  at: number;
  /** The email, or the transport. */
  id?: string | undefined;
  /** Of the email, after it. */
  state?: State | undefined;
  code?: FailureCode | undefined;
  /** What the server said: `550 5.1.1`. */
  reply?: string | undefined;
  /** The number of the attempt. */
  attempt?: number | undefined;
}

/** The event of an email that stands in the error log from now on. */
export const failureEvent = (code: FailureCode): Extract<EventType, `email.${string}`> => `email.${failedState(code)}`;

/** In one line of text, as short as can be: there is one for each change of each email. */
export const writeEvent = ({ type, at, id, state, code, reply, attempt }: EventNote): string =>
  [type, at, id, state, code, reply, attempt].map((part) => part ?? '').join('|');

const given = (part: string | undefined): string | undefined => (part === '' ? undefined : part);

export const readEvent = (text: string): EventNote => {
  const [type, at, id, state, code, reply, attempt] = text.split('|');
  return {
    type: type as EventType,
    at: Number(at),
    id: given(id),
    state: given(state) as State | undefined,
    code: given(code) as FailureCode | undefined,
    reply: given(reply),
    attempt: given(attempt) === undefined ? undefined : Number(attempt),
  };
};
