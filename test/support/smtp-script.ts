// What a scripted SMTP server may be told to do, phase by phase.

/** Phases in the order of a dialogue; `after` is after the reply to the final dot. */
export type Phase =
  'connect' | 'ehlo' | 'starttls' | 'auth' | 'mail' | 'rcpt' | 'data' | 'body' | 'dot' | 'after' | 'quit';

export interface Context {
  /** What followed the command's verb. */
  argument: string;
  recipient?: string;
  /** Counts from 1, over the server's life. */
  session: number;
  messageInSession: number;
  /** How often MAIL was said, over the server's life. */
  message: number;
}

/**
 * `close` ends the connection, `reset` breaks it (RST), `stall` never answers, `garbage` answers what is no reply.
 * `taken`: the server kept the message although it never said so (only at `dot`).
 */
export type Action =
  { action: 'close' | 'reset' | 'stall' | 'garbage'; taken?: boolean } | { delay: number; reply?: string };

export type Step = string | Action | undefined;
export type Handler = (context: Context) => Step | Promise<Step>;
export type Script = Partial<Record<Phase, Handler>>;
