// What many failures have in common: their codes and words, without what belongs to one email.
import { normalizeAddress } from '../address/address';
import { literal } from '../input/literal';
import type { Failure, FailureCode } from './failure';
import type { Reply } from './outcome';

/** Why an email stands unsent, in words that other emails with the same fault have too. Never an address or a name. */
export interface Cause {
  code: FailureCode;
  /** What the server said: `550 5.1.1`, or the reply code alone. */
  reply?: string;
  /** The transport, where the fault may be its. */
  transport?: string;
  /** The template, where the fault is its. */
  template?: string;
  line?: number;
  text: string;
  /**
   * What the server said besides, to other recipients, as `reply`. No part of what tells causes apart: emails are found by it, too.
   */
  also?: string[];
}

/** What is known of an email that was not sent. */
export interface AboutFailure {
  replies?: readonly Reply[] | undefined;
  transport?: string | undefined;
  /** The name of its template. */
  template?: string | undefined;
  /** Addresses of its recipients: servers repeat them, and parts of them. */
  recipients?: readonly string[] | undefined;
}

const MOST_CHARACTERS = 200;
/** Longer words of a server say nothing more, and would cost time. */
const MOST_READ = 1_000;

const OF_TEMPLATE: ReadonlySet<FailureCode> = new Set(['template-failed', 'template-unknown', 'data-invalid']);
const OF_TRANSPORT: ReadonlySet<FailureCode> = new Set([
  'refused',
  'partly-sent',
  'attempts-exhausted',
  'uncertain',
  'expired',
  'transport-unknown',
]);

const ADDRESS = /<?(?:"[^"]{1,64}"|[^\s<>()"',;:[\]/?&=]{1,256})(?:@|%40)[^\s<>()"',;:[\]/?&]{1,255}>?/gi;
const QUOTED = /"[^"]{0,200}"|`[^`]{0,200}`|«[^»]{0,200}»|“[^”]{0,200}”|‘[^’]{0,200}’|(?<!\w)'[^']{0,200}'(?!\w)/g;
/** Numbers, times, network addresses, ids: every word with a digit in it. */
const NUMBERED = /[^\s"'`<>()[\]{},;:|]*\d[^\s"'`<>()[\]{},;:|]*/g;
const ATTEMPTS = /^the (?:only attempt|last of \d+ attempts) failed: /;
/** A reply as an outcome's text quotes it: `at RCPT TO: ann@example.org: 550 5.1.1 no such user`. */
const REPLY = /(?<![\w.:])([45]\d\d)(?:[ -]([245]\.\d{1,3}\.\d{1,3}))?(?![\w.])/;
const CODES = /^[\s-]*(?:[245]\d\d[\s-]+)?(?:[245]\.\d{1,3}\.\d{1,3}(?![\w.]))?[\s:-]*/;

const withoutParts = (text: string, recipients: readonly string[]): string => {
  const parts = recipients.flatMap((address) => {
    const at = address.lastIndexOf('@');
    return [address.slice(0, at), address.slice(at + 1), normalizeAddress(address).slice(at + 1)];
  });
  const known = [...new Set(parts)].filter((part) => part !== '').sort((a, b) => b.length - a.length);
  return known.reduce(
    (words, part) => words.replace(new RegExp(`(?<![\\w.-])${literal(part)}(?![\\w-])`, 'giu'), '…'),
    text,
  );
};

/** Words without what differs from email to email: each such thing is `…`. */
export const commonWords = (text: string, recipients: readonly string[] = []): string =>
  withoutParts(text.slice(0, MOST_READ).replace(ADDRESS, '…'), recipients)
    .replace(QUOTED, '…')
    .replace(NUMBERED, '…')
    // What is left around and between: `…:…`, `<…>`.
    .replace(/[<([{]*…[>)\]}]*(?:[\s,;:/.-]*[<([{]*…[>)\]}]*)*/g, '…')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, MOST_CHARACTERS);

const written = ({ code, enhancedCode }: Pick<Reply, 'code' | 'enhancedCode'>): string =>
  enhancedCode === undefined ? String(code) : `${code} ${enhancedCode}`;

/** The reply that the failure is about: the first that refuses or defers. */
const worst = (replies: readonly Reply[]): Reply | undefined => replies.find(({ code }) => code >= 400);

const replyOf = (reply: Reply | undefined, text: string): string | undefined => {
  const [, code, enhanced] = reply === undefined ? (REPLY.exec(text) ?? []) : [];
  if (reply !== undefined) return written(reply);
  return code === undefined ? undefined : [code, enhanced].filter((part) => part !== undefined).join(' ');
};

/** All replies that a failure's text quotes: those of earlier attempts, too, which refused a recipient for good. */
const quotedIn = (text: string): string[] =>
  [...text.matchAll(new RegExp(REPLY, 'g'))].map(([, code = '', enhanced]) =>
    enhanced === undefined ? code : `${code} ${enhanced}`,
  );

/** A person did it: there is nothing to mend. */
const isByPerson = ({ code, text }: Failure): boolean =>
  code === 'canceled' || (code === 'held' && text.startsWith('by '));

const wordsOf = ({ code, text }: Failure, reply: Reply | undefined, recipients: readonly string[]): string => {
  if (code === 'expired') return 'was not sent in time';
  if (text.startsWith('resolved as failed')) return 'resolved as failed';
  const said = reply === undefined ? '' : commonWords(reply.text.replace(CODES, ''), recipients);
  return said === '' ? commonWords(text.replace(ATTEMPTS, ''), recipients) : said;
};

const ofTemplate = ({ text }: Failure, name: string | undefined): Partial<Cause> => {
  const [, placed, line] = /^template ([\w-]+), version \d+(?:, \w+)?(?:, line (\d+))?/.exec(text) ?? [];
  const template = placed ?? name;
  return { ...(template !== undefined && { template }), ...(line !== undefined && { line: Number(line) }) };
};

/**
 * The cause of a failure: the same for every email that failed for the same reason.
 * @param failure as the error log has it, or why the last attempt of one that is tried again failed
 * @returns undefined where a person stopped the email
 */
export const causeOf = (failure: Failure, about: AboutFailure = {}): Cause | undefined => {
  if (isByPerson(failure)) return undefined;
  const { code, text } = failure;
  const { replies = [], transport, template, recipients = [] } = about;
  const isAnswered = OF_TRANSPORT.has(code) && code !== 'expired';
  const said = isAnswered ? worst(replies) : undefined;
  const reply = isAnswered ? replyOf(said, text) : undefined;
  const also = isAnswered
    ? [...new Set([...replies.map(written), ...quotedIn(text)])].filter((one) => one !== reply)
    : [];
  return {
    code,
    ...(reply !== undefined && { reply }),
    ...(OF_TRANSPORT.has(code) && transport !== undefined && { transport }),
    ...(OF_TEMPLATE.has(code) && ofTemplate(failure, template)),
    text: wordsOf(failure, said, recipients),
    ...(also.length > 0 && { also }),
  };
};

/** The same without its words: what stands for all others where a queue has too many causes. */
export const coarseCause = (cause: Cause): Cause => ({ ...cause, text: 'various' });
