// Words of real servers: which say that there are too many connections, which that a session is over, which neither.
import { readReply, type Phase } from './reply';
import { endsSession, isCrowded, refusesName } from './session';

const crowded = (phase: Phase, text: string): boolean => isCrowded(phase, readReply(text));

test.each<[server: string, phase: Phase, text: string]>([
  ['Postfix', 'greeting', '421 4.7.0 mx.example Error: too many connections from 192.0.2.1'],
  ['Postfix postscreen', 'greeting', '421 4.3.2 All server ports are busy'],
  ['Exim', 'greeting', '421 Too many concurrent SMTP connections; please try again later.'],
  [
    'Exim per host',
    'greeting',
    '421 Too many concurrent SMTP connections from this IP address; please try again later.',
  ],
  ['sendmail', 'greeting', '421 4.3.2 Too many open connections.'],
  ['sendmail rate', 'mail', '452 4.3.2 Connection rate limit exceeded.'],
  [
    'Exchange',
    'greeting',
    '421 4.3.2 The maximum number of concurrent server connections has exceeded a limit, closing transmission channel',
  ],
  [
    'Exchange Online',
    'dot',
    '432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending',
  ],
  ['Exchange Online, older', 'dot', '432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded'],
  ['Exchange stopping', 'mail', '421 4.3.2 Service not available'],
  ['Gmail', 'ehlo', '421-4.7.0 Too many concurrent connections for this account.\n421 4.7.0 Try again later'],
  ['Cisco', 'greeting', '421 #4.4.5 Too many connections to this host.'],
  ['Cisco TLS', 'greeting', '421 #4.4.5 Too many TLS sessions at this time'],
  ['Dovecot', 'auth', '421 4.7.0 Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)'],
  ['Amazon SES', 'greeting', '421 Too many concurrent SMTP connections'],
  ['a refusal for good at the greeting', 'greeting', '554 5.7.1 too many connections from your network'],
  ['simultaneous', 'data', '450 4.7.1 You have exceeded the number of simultaneous connections'],
  ['at RCPT, for the whole session', 'rcpt', '421 4.7.0 too many connections'],
])('%s: too many connections', (_, phase, text) => {
  expect(crowded(phase, text)).toBe(true);
});

test.each<[what: string, phase: Phase, text: string]>([
  ['a time limit', 'mail', '421 4.4.2 mx.example Error: timeout exceeded, closing connection'],
  ['errors', 'rcpt', '421 4.7.0 mx.example Error: too many errors'],
  ['messages in the session', 'mail', '421 closing connection: too many messages in this session'],
  ['messages per connection', 'mail', '450 4.7.1 limit of 100 messages per connection reached'],
  ['recipients', 'rcpt', '452 4.5.3 Too many recipients'],
  ['logins', 'auth', '454 4.7.0 Too many login attempts, please try again later'],
  ['a rate of emails', 'dot', '454 Throttling failure: Maximum sending rate exceeded.'],
  ['a quota', 'dot', '452 4.2.2 mailbox full'],
  ['greylisting', 'rcpt', '450 4.7.1 Greylisted, try again in 300 seconds'],
  ['4.3.2 of one recipient', 'rcpt', '450 4.3.2 system busy for this mailbox'],
  ['a refusal for good of the email', 'dot', '554 5.7.1 too many connections in your message'],
  ['success', 'dot', '250 2.0.0 too many connections'],
])('%s is not that', (_, phase, text) => {
  expect(crowded(phase, text)).toBe(false);
});

test.each<[phase: Phase, text: string, carried: boolean, ends: boolean]>([
  ['rcpt', '421 4.4.2 closing', false, true],
  ['rcpt', '452 4.2.2 mailbox full', true, false],
  ['mail', '452 4.3.1 later', false, true],
  ['data', '450 4.7.1 later', true, true],
  ['data', '450 4.7.1 later', false, false],
  ['dot', '451 4.3.0 later', true, true],
  ['dot', '432 4.3.2 later', true, true],
  ['mail', '503 5.5.1 out of step', false, true],
  ['mail', '550 5.7.0 too many messages in this session', true, true],
  ['mail', '550 5.7.1 too many messages from you today', true, false],
  ['dot', '554 5.7.1 spam', true, false],
])('%s %s (carried: %s) ends a session: %s', (phase, text, carried, ends) => {
  expect(endsSession(phase, readReply(text), carried)).toBe(ends);
});

test.each<[phase: Phase, text: string, refused: boolean]>([
  ['ehlo', '421 4.7.0 who are you', true],
  ['ehlo', '550 5.7.1 no', true],
  ['rcpt', '504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname', true],
  ['rcpt', '450 4.7.1 <x>: Helo command rejected: Host not found', true],
  ['mail', '550 Access denied - Invalid HELO name (See RFC2821 4.1.1.1)', true],
  ['rcpt', '550 5.1.1 <helo@example.org>: no such user', false],
  ['mail', '554 5.7.1 not you', false],
])('%s %s refuses the name: %s', (phase, text, refused) => {
  expect(refusesName(phase, readReply(text))).toBe(refused);
});
