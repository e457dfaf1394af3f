// The steps of an SMTP dialogue, as replies and faults name them.

/** Where in the dialogue something happened, in its order. */
export const PHASES = ['connect', 'greeting', 'ehlo', 'tls', 'auth', 'mail', 'rcpt', 'data', 'message', 'dot'] as const;
export type Phase = (typeof PHASES)[number];

/** Up to here nothing was said of an email: what is said is about the server and the login. */
export const OPENING_PHASES: ReadonlySet<Phase> = new Set(['connect', 'greeting', 'ehlo', 'tls', 'auth']);
