// Follows an SMTP dialogue by what is said and heard: which step waits for its reply, and what was answered to which.
import type { Phase } from '../../mail/smtp/reply';

/** What the server answered, and to what. */
export interface Answer {
  step: Phase;
  /** At RCPT: whom it is about. */
  recipient?: string;
  text: string;
}

export interface Dialogue {
  /** The earliest step without a reply: where a fault comes now, it comes there. Commands may leave together (RFC 2920). */
  readonly step: Phase;
  /** Since the present email began, in order. */
  readonly answers: readonly Answer[];
  /** An email begins: whatever was said before belongs to another. */
  begin(): void;
  /** Receives lines as they are said: `C: MAIL FROM:<...>`, `S: 250 OK`; without content and secrets. */
  hear: ((line: string) => void) | undefined;
  /** Hears how long a step waited for its reply, ms. */
  took?: ((step: Phase, ms: number) => void) | undefined;
  /** Called whenever another reply is waited for, and with undefined when none is. */
  onStep: ((step: Phase | undefined) => void) | undefined;
  /** The connection stands, and TLS begins before anything is said (RFC 8314). */
  handshake(): void;
  /** As nodemailer's connection takes it; it strikes out credentials itself. */
  logger: Record<'level' | 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal', (...args: never[]) => void>;
}

/** nodemailer's entries: what was said carries its side, a connection that stands its port, a message that left whole `message`. */
interface Entry {
  tnx?: string;
  remotePort?: number;
}

const STEPS: [command: RegExp, step: Phase][] = [
  [/^(EHLO|HELO) /, 'ehlo'],
  [/^STARTTLS$/, 'tls'],
  [/^AUTH /, 'auth'],
  [/^MAIL FROM:/, 'mail'],
  [/^RCPT TO:/, 'rcpt'],
  [/^DATA$/, 'data'],
];

const asked = (line: string): Omit<Answer, 'text'> | undefined => {
  const [, step] = STEPS.find(([command]) => command.test(line)) ?? [];
  if (step !== 'rcpt') return step && { step };
  return { step, recipient: /<([^>]*)>/.exec(line)?.[1] ?? '' };
};

/**
 * Is this how an SMTP server begins: 220, or a refusal (RFC 5321 3.1, 4.2), the same code in each line? What does not begin so is
 * told to nobody: whoever sets a transport's host and port must not be able to read what other services say.
 */
export const isGreeting = (text: string): boolean => {
  const [, code] = /^(220|[45]\d\d)(?:[ -]|$)/.exec(text) ?? [];
  const lines = text.split(/\r?\n/).filter((line) => line !== '');
  return code !== undefined && lines.every((line) => line.startsWith(code) && /^(?:[ -]|$)/.test(line.slice(3)));
};

/** An entry of nodemailer's: its `%s` are the arguments, in order. */
const written = (message: string, args: unknown[]): string =>
  args.reduce<string>((line, arg) => line.replace('%s', () => String(arg)), message);

/** Characters of an answer that are kept while an email is sent; a history shows the first 500 (`readReply`). */
const MOST_ANSWER = 4_096;

export const createDialogue = (): Dialogue => {
  let waiting: Omit<Answer, 'text'>[] = [];
  let answers: Answer[] = [];
  let step: Phase = 'connect';

  const enter = (next: Phase): void => {
    step = next;
    dialogue.onStep?.(next);
  };

  const waitFor = (next: Omit<Answer, 'text'>): void => {
    if (waiting.push(next) === 1) enter(next.step);
  };

  const said = (line: string): void => {
    // What is no command of its own continues the login; RSET and QUIT are of no email.
    const next = asked(line) ?? (step === 'auth' ? { step } : undefined);
    if (next !== undefined) waitFor(next);
  };

  const heard = (text: string): void => {
    const question = waiting.shift() ?? (step === 'message' || step === 'dot' ? { step } : undefined);
    if (question === undefined) return;
    answers.push({ ...question, text: text.slice(0, MOST_ANSWER) });
    if (question.step === 'data' && /^[23]/.test(text)) enter('message');
    // What was agreed on is still to be done.
    else if (question.step === 'tls' && /^2/.test(text)) enter('tls');
    else if (waiting[0] !== undefined) enter(waiting[0].step);
    else dialogue.onStep?.(undefined);
  };

  const tell = (side: 'C' | 'S', text: string): void => {
    if (dialogue.hear === undefined) return;
    for (const line of text.split(/\r?\n/)) if (line !== '') dialogue.hear(`${side}: ${line.slice(0, 1_000)}`);
  };

  const follow = (entry: Entry, message: string, ...args: unknown[]): void => {
    const text = written(message, args);
    if (entry.tnx === 'client') {
      said(text);
      tell('C', text);
    } else if (entry.tnx === 'server') {
      const opens = step === 'greeting';
      heard(text);
      tell('S', opens && !isGreeting(text) ? '(no SMTP greeting)' : text);
    } else if (entry.tnx === 'network' && entry.remotePort !== undefined) waitFor({ step: 'greeting' });
    else if (entry.tnx === 'message') enter('dot');
  };

  const silent = (): void => undefined;
  const dialogue: Dialogue = {
    get step() {
      return step;
    },
    get answers() {
      return answers;
    },
    begin() {
      waiting = [];
      answers = [];
      step = 'mail';
    },
    handshake: () => enter('tls'),
    hear: undefined,
    onStep: undefined,
    logger: { level: silent, trace: silent, debug: follow, info: follow, warn: silent, error: silent, fatal: silent },
  };
  return dialogue;
};
