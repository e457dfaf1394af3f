// How long a server may take for each step of a dialogue.
import type { Phase } from '../../mail/smtp/reply';
import { uptime } from '../../runtime/clock';
import type { Dialogue } from './dialogue';

/** How long a step may wait for its reply, ms; what is not named is bounded by the socket's silence and the whole attempt. */
export type StepBounds = Partial<Record<Phase, number>>;

/**
 * RFC 5321 4.5.3.2 where it names a step: the greeting, MAIL, RCPT, DATA, a block of the message (in which TCP takes
 * nothing more), the final dot. A shorter one for the dot manufactures uncertain emails; a shorter one for the greeting fails
 * on servers that let callers wait on purpose. What it does not name, EHLO, TLS and the login, has as long as the greeting. A
 * connection that is not there after 30 s (Postfix' smtp_connect_timeout) does not come.
 */
export const STEP_BOUNDS: Readonly<Record<Phase, number>> = {
  connect: 30_000,
  greeting: 300_000,
  ehlo: 300_000,
  tls: 300_000,
  auth: 300_000,
  mail: 300_000,
  rcpt: 300_000,
  data: 120_000,
  message: 180_000,
  dot: 600_000,
};

/**
 * Watches each step that waits for a reply, from when it is waited for to the reply's end: a server that trickles has no
 * more time than a silent one. `dialogue.took` hears how long each was, also one that was given up.
 * @param late called for a step that took longer than its bound (ms)
 * @returns a function that ends it
 */
export const watchSteps = (
  dialogue: Dialogue,
  bounds: StepBounds,
  late: (step: Phase, ms: number) => void,
): (() => void) => {
  let timer: NodeJS.Timeout | undefined;
  let waiting: { step: Phase; since: number } | undefined;
  const enter = (step: Phase | undefined): void => {
    clearTimeout(timer);
    if (waiting !== undefined) dialogue.took?.(waiting.step, uptime() - waiting.since);
    waiting = step && { step, since: uptime() };
    // A message is taken block by block: whoever writes it watches that.
    const ms = step === undefined || step === 'message' ? undefined : bounds[step];
    if (step !== undefined && ms !== undefined) timer = setTimeout(late, ms, step, ms);
  };
  dialogue.onStep = enter;
  enter(dialogue.step);
  return () => {
    enter(undefined);
    dialogue.onStep = undefined;
  };
};
