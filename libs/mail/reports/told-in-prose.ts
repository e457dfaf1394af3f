// Reports that only people were meant to read: qmail's, Exim's, and of gateways that never heard of RFC 3464.
import { addressIn, statusIn, wordsOf } from './status-fields';
import type { RecipientReport } from './report';

/** Characters of a text that are looked at: what matters comes before the returned message. */
const MOST_TEXT = 20_000;
const MOST_LINES = 400;
/** Lines about one recipient. */
const LINES_OF_ONE = 8;

/** Where the message begins that came back. Two dashes, and no run of them: a line of thousands is looked at once. */
const RETURNED =
  /^(?:--.*(?:original message|copy of|message header|headers follow|returned|body of|message follows|begin message|below this line|undeliverable message|enclosed|forwarded message).*|.{0,10}(?:original message headers|message headers follow|included is a copy|this is a copy of).*|return-path: .*|received: .*)$/im;

const DELAYED =
  /\bdelay(?:ed)?\b|still (?:be )?(?:re)?try|will (?:be )?(?:re-?tr(?:y|ied)|continue|keep)|not yet been delivered|has not been delivered yet|(?:delivery|message) is delayed|no action is required|do not need to resend|verz(?:ö|oe)ger/i;
const FAILED =
  /permanent|fatal error|giving up|given up|fail(?:ed|ure)|undeliver|not (?:be )?deliver|unzustellbar|could ?n[o']t be|rejected|returned to sender|unknown user|user unknown/i;

/** Whom a line is about: alone on it, in angle brackets, or before a colon. */
const namedIn = (line: string): string | undefined => {
  const text = line.trim();
  if (text.length > 400 || !text.includes('@')) return undefined;
  const [, address] =
    /^(?:to:?\s+|recipient(?: address)?:\s*|\W{0,4})?<?([^\s<>():,;"]+@[^\s<>():,;"]+?)>?(?:\s*:.*|\s*\([^)]*\)\s*:?|\s*)$/i.exec(
      text,
    ) ?? [];
  return address === undefined ? undefined : addressIn(address);
};

const REPLY = /\b[245]\d\d[ -](?:#?\d\.\d{1,3}\.\d{1,3}\b)?[^\n]*/;

/** The words of the server in what is said of a recipient: its reply, else the first line that says anything. */
const diagnosticIn = (text: string): string => {
  const reply = REPLY.exec(text.replace(/\n\s+/g, ' '))?.[0];
  return wordsOf(reply ?? text);
};

const reportOf = (kind: RecipientReport['kind'], recipients: string[], said: string): RecipientReport => {
  const diagnostic = diagnosticIn(said);
  const status = statusIn(said);
  return {
    kind,
    recipients,
    ...(status !== undefined && { status }),
    ...(diagnostic !== '' && { diagnostic }),
  };
};

/**
 * @param text of the whole report
 * @param subject its own
 * @param failed addresses that its header names (Exim's `X-Failed-Recipients`)
 * @returns one for each recipient that it names, or one of nobody in particular
 */
export const readProse = (text: string, subject: string, failed: readonly string[]): RecipientReport[] => {
  const whole = text.slice(0, MOST_TEXT).replace(/\r\n?/g, '\n');
  const end = RETURNED.exec(whole)?.index ?? whole.length;
  const told = whole.slice(0, end > 0 ? end : whole.length);
  const lines = told.split('\n', MOST_LINES);
  const hasFailed = FAILED.test(subject) || (FAILED.test(told) && !DELAYED.test(subject));
  const kind = DELAYED.test(`${subject}\n${told}`) && !hasFailed ? 'delayed' : 'bounced';
  const named = new Map<string, string>();
  for (const [index, line] of lines.entries()) {
    const address = namedIn(line);
    if (address === undefined || named.has(address)) continue;
    const own = line.slice(line.indexOf(address) + address.length).replace(/^[>\s:]+/, '');
    const rest = lines.slice(index + 1, index + 1 + LINES_OF_ONE);
    const next = rest.findIndex((one) => namedIn(one) !== undefined);
    named.set(address, [own, ...(next < 0 ? rest : rest.slice(0, next))].join('\n'));
  }
  const meant = failed.length > 0 ? failed : [...named.keys()];
  if (meant.length === 0) return [reportOf(kind, [], told)];
  return meant.map((address) => reportOf(kind, [address], named.get(address) ?? told));
};
