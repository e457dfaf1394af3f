// One client's connection: every reply of it is ASCII, of one line's length, and has its enhanced status once (RFC 2034).
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js';

/** Of a reply line with its code and end (RFC 5321 4.5.3.1.5). Characters. */
const LONGEST_TEXT = 500;

const STATUS = /^[245]\.\d{1,3}\.\d{1,3} /;

/** What the library says in other words, or under a status that says less. */
const WORDS: [code: number, said: RegExp, instead: string][] = [
  [
    452,
    /too many recipients/,
    '4.5.3 one email takes no more recipients than these: send it to the others as another one',
  ],
  [552, /exceeds fixed maximum/, '5.3.4 the message is larger than is taken here (SIZE)'],
  [530, /uthentication/, '5.7.0 log in first: any user name, and a sender key as the password'],
  [538, /STARTTLS/, '5.7.11 a key is not taken in clear: say STARTTLS first'],
];

const reworded = (code: number, text: string): string =>
  WORDS.find(([of, said]) => of === code && said.test(text))?.[2] ?? text;

/** Server words may quote what came from outside, in any language. */
const inAscii = (text: string): string => text.replace(/[^ -~]/g, '?').slice(0, LONGEST_TEXT);

export class Connection extends SMTPConnection {
  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    if (typeof data !== 'string') return super.send(code, data, context);
    // AUTH is no command for a client that would say its key in clear.
    const noCommand = code === 500 && context === 'AUTH' && this._server.options.authOptional !== true;
    if (noCommand) return super.send(538, WORDS.find(([of]) => of === 538)?.[2], false);
    const text = inAscii(reworded(code, data));
    super.send(code, text, STATUS.test(text) ? false : context);
  }

  /** Says why, and closes. @param text with its enhanced status */
  dismiss(text: string): void {
    this.send(421, text);
  }

  /** A message is on its way: from MAIL to the reply to its end. */
  get inTransaction(): boolean {
    return this.session.envelope?.mailFrom !== undefined && this.session.envelope.mailFrom !== false;
  }
}
