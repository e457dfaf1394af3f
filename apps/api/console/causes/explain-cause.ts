// What a cause means in plain words, and where it is mended. Codes: RFC 3463, RFC 5321 4.2, RFC 4954, RFC 7372, RFC 7505.
import type { z } from 'zod';
import type { IncidentList } from '../../answers/incidents';
import type { WordKey } from '../words/all-words';

export type Incident = z.infer<typeof IncidentList>['incidents'][number];
export type Cause = Incident['cause'];

/** What a person changes: the addresses, the transport, the template, the sender, or nothing but to send again. */
export type MendKind = 'recipient' | 'transport' | 'template' | 'from' | 'content' | 'again';

export interface Explained {
  /** What happened. */
  what: WordKey;
  mend: MendKind;
}

const explained = (what: WordKey, mend: MendKind): Explained => ({ what, mend });

/** Enhanced codes without their class, the most exact first: a `*` stands for any detail. */
const BY_ENHANCED: readonly (readonly [code: RegExp, Explained])[] = [
  [/^5\.1\.1$/, explained('cause.noAddress', 'recipient')],
  [/^[45]\.1\.2$/, explained('cause.noDomain', 'recipient')],
  [/^5\.1\.3$/, explained('cause.badAddress', 'recipient')],
  [/^5\.1\.10$/, explained('cause.noMail', 'recipient')],
  [/^5\.1\.6$/, explained('cause.moved', 'recipient')],
  [/^[45]\.1\.[78]$/, explained('cause.sender', 'from')],
  [/^[45]\.1\./, explained('cause.noAddress', 'recipient')],
  [/^5\.2\.1$/, explained('cause.disabled', 'recipient')],
  [/^[45]\.2\.2$/, explained('cause.full', 'again')],
  [/^[45]\.[25]\.3$|^5\.3\.4$/, explained('cause.tooBig', 'content')],
  [/^[45]\.2\./, explained('cause.mailbox', 'again')],
  [/^4\.3\./, explained('cause.busy', 'again')],
  [/^5\.3\./, explained('cause.serverFault', 'transport')],
  [/^[45]\.4\./, explained('cause.route', 'recipient')],
  [/^[45]\.5\./, explained('cause.protocol', 'transport')],
  [/^[45]\.6\./, explained('cause.content', 'content')],
  [/^[45]\.7\.(8|9|14)$/, explained('cause.login', 'transport')],
  [/^[45]\.7\.(10|11)$/, explained('cause.tls', 'transport')],
  [/^5\.7\.(2[0-9]|6)$/, explained('cause.authentication', 'from')],
  [/^4\.7\./, explained('cause.throttled', 'again')],
  [/^5\.7\./, explained('cause.policy', 'content')],
];

const BY_REPLY: Readonly<Record<string, Explained>> = {
  '421': explained('cause.busy', 'again'),
  '432': explained('cause.login', 'transport'),
  '450': explained('cause.mailbox', 'again'),
  '451': explained('cause.busy', 'again'),
  '452': explained('cause.full', 'again'),
  '454': explained('cause.login', 'transport'),
  '500': explained('cause.protocol', 'transport'),
  '501': explained('cause.protocol', 'transport'),
  '502': explained('cause.protocol', 'transport'),
  '503': explained('cause.protocol', 'transport'),
  '504': explained('cause.protocol', 'transport'),
  '530': explained('cause.login', 'transport'),
  '534': explained('cause.login', 'transport'),
  '535': explained('cause.login', 'transport'),
  '538': explained('cause.tls', 'transport'),
  '550': explained('cause.noAddress', 'recipient'),
  '551': explained('cause.moved', 'recipient'),
  '552': explained('cause.full', 'again'),
  '553': explained('cause.badAddress', 'recipient'),
  '554': explained('cause.policy', 'content'),
  '556': explained('cause.noMail', 'recipient'),
};

const BY_CODE: Readonly<Partial<Record<Cause['code'], Explained>>> = {
  'attempts-exhausted': explained('cause.exhausted', 'transport'),
  expired: explained('cause.expired', 'again'),
  uncertain: explained('cause.uncertain', 'again'),
  held: explained('cause.held', 'again'),
  'template-failed': explained('cause.templateFailed', 'template'),
  'template-unknown': explained('cause.templateUnknown', 'template'),
  'data-invalid': explained('cause.dataInvalid', 'template'),
  'transport-unknown': explained('cause.transportUnknown', 'transport'),
  'content-missing': explained('cause.contentMissing', 'content'),
  'source-not-allowed': explained('cause.sourceNotAllowed', 'content'),
  'data-gone': explained('cause.dataGone', 'content'),
  'attachment-gone': explained('cause.attachmentGone', 'content'),
  'attachment-invalid': explained('cause.attachmentInvalid', 'content'),
  'from-missing': explained('cause.fromMissing', 'from'),
  'from-not-allowed': explained('cause.fromNotAllowed', 'from'),
  'message-invalid': explained('cause.messageInvalid', 'content'),
  suppressed: explained('cause.suppressed', 'recipient'),
};

/** What is no reply of a server, by the words of an outcome. */
const BY_WORDS: readonly (readonly [words: RegExp, Explained])[] = [
  [/log ?in|authenticat|password|credential/i, explained('cause.login', 'transport')],
  [/certificate|TLS/i, explained('cause.tls', 'transport')],
  [/cannot be found|ENOTFOUND|getaddrinfo|no address|resolve/i, explained('cause.noHost', 'transport')],
  [
    /refused the connection|ECONNREFUSED|connect|timed? ?out|unreachable|answer/i,
    explained('cause.noConnection', 'transport'),
  ],
];

/** A refused login is the transport's fault, whatever its enhanced code says. */
const OF_LOGIN = new Set(['432', '530', '534', '535']);

/** Says what a cause means and where it is mended. */
export const explainCause = ({ code, reply, text }: Pick<Cause, 'code' | 'reply' | 'text'>): Explained => {
  const [number = '', enhanced = ''] = (reply ?? '').split(' ');
  if (OF_LOGIN.has(number)) return BY_REPLY[number] ?? explained('cause.login', 'transport');
  const byReply = BY_ENHANCED.find(([pattern]) => pattern.test(enhanced))?.[1] ?? BY_REPLY[number];
  if (byReply !== undefined && code !== 'uncertain') return byReply;
  const byCode = BY_CODE[code];
  if (byCode !== undefined && code !== 'attempts-exhausted') return byCode;
  const byWords = BY_WORDS.find(([words]) => words.test(text))?.[1];
  return byWords ?? byCode ?? explained('cause.other', 'again');
};
