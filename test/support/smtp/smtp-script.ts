// What a scripted SMTP server may be told to do, phase by phase.

/**
 * Phases in the order of a dialogue. `body` is when the first bytes of a message are there: a reply at this point is
 * final, the rest is read and thrown away. `dot` is before the reply to the final dot, `after` is after it.
 */
export type Phase =
  'connect' | 'ehlo' | 'starttls' | 'auth' | 'mail' | 'rcpt' | 'data' | 'body' | 'dot' | 'after' | 'rset' | 'quit';

export interface Context {
  /** What followed the command's verb; at `auth` the user. */
  argument: string;
  /** At `rcpt`: the bare address. */
  recipient?: string;
  /** Counts from 1, over the server's life. */
  session: number;
  messageInSession: number;
  /** How often MAIL was said, over the server's life. */
  message: number;
}

export interface Action {
  /** ms to wait before the rest happens. */
  delay?: number;
  /** Said instead of the usual reply; with an action also before it, as in `421` and `close`. */
  reply?: string;
  /** `close` ends the connection, `reset` breaks it (RST), `stall` never answers, `garbage` answers what is no reply. */
  action?: 'close' | 'reset' | 'stall' | 'garbage';
  /** Only at `dot`: the server kept the message although it never said so. */
  taken?: boolean;
}

export type Step = string | Action | undefined;
// `void` lets a handler be a plain callback that only looks on.
export type Handler = (context: Context) => Step | void | Promise<Step | void>;
export type Script = Partial<Record<Phase, Handler>>;

/** A step with nothing left to guess. */
export interface Deed {
  delay: number;
  reply?: string;
  end?: 'close' | 'reset' | 'stall';
  /** The dialogue goes on as if nothing had been scripted. */
  accepted: boolean;
  /** At `dot`: the message is the server's now. */
  taken: boolean;
}

const GARBAGE = '%&/ this is no reply';

/** @param usual what the server says in this phase if the script has nothing to say */
export const deedOf = (step: Step | void, usual?: string): Deed => {
  const {
    delay = 0,
    action,
    taken,
    reply = action === undefined ? usual : undefined,
  } = typeof step === 'string' ? { reply: step } : (step ?? {});
  const said = action === 'garbage' ? GARBAGE : reply;
  return {
    delay,
    ...(said !== undefined && { reply: said }),
    ...(action !== undefined && action !== 'garbage' && { end: action }),
    accepted: action === undefined && (said === undefined || /^[23]/.test(said)),
    taken: taken ?? said?.startsWith('2') ?? false,
  };
};
