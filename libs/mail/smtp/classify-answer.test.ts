// A server's words must mean the same thing every time: each row here is a rule that an email's fate hangs on.
import { classifyFault, classifyReply, retryWish, type Blame, type Verdict } from './classify-answer';
import { PHASES, readReply, type Phase } from './reply';

interface ReplyRow {
  rule: string;
  phases: Phase[];
  codes: number[];
  enhancedCode?: string;
  /** In the envelope; one where it does not matter. */
  recipients?: number;
  outcome: Verdict['outcome'];
  blame: Blame;
}

const BEFORE_MAIL: Phase[] = ['connect', 'greeting', 'ehlo', 'tls', 'auth'];
const FROM_MAIL: Phase[] = ['mail', 'rcpt', 'data', 'message', 'dot'];
const ABOUT_THE_EMAIL: Phase[] = ['mail', 'data', 'message', 'dot'];

const REPLIES: ReplyRow[] = [
  {
    rule: 'whatever is said before MAIL is about the transport and for now, also a 5yz: no email has been named yet',
    phases: BEFORE_MAIL,
    codes: [0, 250, 421, 450, 454, 500, 530, 535, 550, 554],
    outcome: 'deferred',
    blame: 'transport',
  },
  {
    rule: 'a wrong password, also a lasting one (5.7.8), is no reason to fail an email',
    phases: ['auth'],
    codes: [534, 535, 538],
    enhancedCode: '5.7.8',
    outcome: 'deferred',
    blame: 'transport',
  },
  {
    rule: '421 closes the service wherever it comes (RFC 5321 3.8): others suffer too',
    phases: FROM_MAIL,
    codes: [421],
    enhancedCode: '4.3.2',
    outcome: 'deferred',
    blame: 'transport',
  },
  {
    rule: '530 and 535 ask for a login (RFC 4954 6), also where they come late',
    phases: FROM_MAIL,
    codes: [530, 535],
    enhancedCode: '5.7.0',
    outcome: 'deferred',
    blame: 'transport',
  },
  {
    rule: '454 at MAIL is the login that failed for now',
    phases: ['mail'],
    codes: [454],
    outcome: 'deferred',
    blame: 'transport',
  },
  {
    rule: '4.7.x at MAIL is throttling by policy: the transport is slowed down',
    phases: ['mail'],
    codes: [450, 451],
    enhancedCode: '4.7.1',
    outcome: 'deferred',
    blame: 'transport',
  },
  {
    rule: '4.7.x at RCPT is greylisting (RFC 6647): that recipient, later',
    phases: ['rcpt'],
    codes: [450, 451, 454],
    enhancedCode: '4.7.1',
    outcome: 'deferred',
    blame: 'recipient',
  },
  {
    rule: '4.7.x from DATA on is about what the email is made of',
    phases: ['data', 'message', 'dot'],
    codes: [450, 451],
    enhancedCode: '4.7.1',
    outcome: 'deferred',
    blame: 'email',
  },
  {
    rule: '503 says that our dialogue is broken: never the end of an email',
    phases: FROM_MAIL,
    codes: [503],
    enhancedCode: '5.5.1',
    outcome: 'deferred',
    blame: 'transport',
  },
  {
    rule: '5yz at RCPT refuses that recipient for good (RFC 5321 4.2.1)',
    phases: ['rcpt'],
    codes: [500, 550, 551, 553, 554, 599],
    enhancedCode: '5.1.1',
    outcome: 'refused',
    blame: 'recipient',
  },
  {
    rule: '552 at RCPT among several means too many of them, to be taken as 452 (RFC 5321 4.5.3.1.10)',
    phases: ['rcpt'],
    codes: [552],
    recipients: 2,
    outcome: 'deferred',
    blame: 'recipient',
  },
  {
    rule: 'also where it says so itself (RFC 3463 3.6: X.5.3, too many recipients)',
    phases: ['rcpt'],
    codes: [552],
    enhancedCode: '5.5.3',
    recipients: 100,
    outcome: 'deferred',
    blame: 'recipient',
  },
  {
    rule: '552 that names another reason, a full mailbox, is for good, however many there are',
    phases: ['rcpt'],
    codes: [552],
    enhancedCode: '5.2.2',
    recipients: 100,
    outcome: 'refused',
    blame: 'recipient',
  },
  {
    rule: 'one recipient cannot be too many',
    phases: ['rcpt'],
    codes: [552],
    outcome: 'refused',
    blame: 'recipient',
  },
  {
    rule: 'nothing but 552 changes its meaning with the number of recipients',
    phases: ['rcpt'],
    codes: [500, 550, 551, 553, 554, 599],
    recipients: 100,
    outcome: 'refused',
    blame: 'recipient',
  },
  {
    rule: '552 elsewhere is about the message, however many recipients it has',
    phases: ABOUT_THE_EMAIL,
    codes: [552],
    recipients: 100,
    outcome: 'refused',
    blame: 'email',
  },
  {
    rule: '5yz elsewhere refuses the email for good',
    phases: ABOUT_THE_EMAIL,
    codes: [500, 550, 552, 553, 554, 599],
    outcome: 'refused',
    blame: 'email',
  },
  {
    rule: 'from DATA on 5yz is 5yz whatever its enhanced code says: the three digits decide',
    phases: ['data', 'message', 'dot'],
    codes: [550],
    enhancedCode: '4.7.1',
    outcome: 'refused',
    blame: 'email',
  },
  {
    rule: '4yz at RCPT defers that recipient',
    phases: ['rcpt'],
    codes: [400, 450, 451, 452, 499],
    enhancedCode: '4.2.2',
    outcome: 'deferred',
    blame: 'recipient',
  },
  {
    rule: '4yz elsewhere defers the email',
    phases: ABOUT_THE_EMAIL,
    codes: [400, 450, 451, 452, 499],
    enhancedCode: '4.3.1',
    outcome: 'deferred',
    blame: 'email',
  },
  {
    rule: 'what is no reply before the dot: the server has nothing, so it is safe to repeat',
    phases: ['mail', 'rcpt', 'data', 'message'],
    codes: [0, 199, 354, 600, 999],
    outcome: 'deferred',
    blame: 'transport',
  },
  {
    rule: 'what is no reply to the dot: nobody knows whether the server took it',
    phases: ['dot'],
    codes: [0, 199, 354, 600, 999],
    outcome: 'uncertain',
    blame: 'transport',
  },
];

describe('classifyReply', () => {
  test.each(REPLIES)('$rule', ({ phases, codes, enhancedCode, recipients, outcome, blame }) => {
    for (const phase of phases) {
      for (const code of codes) {
        const reply = { code, ...(enhancedCode !== undefined && { enhancedCode }) };
        const verdict = classifyReply(phase, reply, recipients);
        expect({ phase, code, ...verdict }).toEqual({ phase, code, outcome, blame });
      }
    }
  });

  test('only the dot can leave anybody in doubt', () => {
    for (const phase of PHASES.filter((one) => one !== 'dot')) {
      for (let code = 0; code < 1_000; code++) expect(classifyReply(phase, { code }).outcome).not.toBe('uncertain');
    }
  });

  test('nothing is refused for good but by 5yz, and never before MAIL', () => {
    for (const phase of PHASES) {
      for (let code = 0; code < 1_000; code++) {
        if (classifyReply(phase, { code }).outcome !== 'refused') continue;
        expect([phase, Math.floor(code / 100)]).toEqual([phase, 5]);
        expect(BEFORE_MAIL).not.toContain(phase);
      }
    }
  });
});

describe('classifyFault', () => {
  test.each(PHASES.filter((phase) => phase !== 'dot'))('%s: before the final dot nothing was taken', (phase) => {
    expect(classifyFault(phase)).toEqual({ outcome: 'deferred', blame: 'transport' });
  });

  test('dot: the message had left, the server may have it (RFC 1047)', () => {
    expect(classifyFault('dot')).toEqual({ outcome: 'uncertain', blame: 'transport' });
  });
});

describe('readReply', () => {
  test.each([
    {
      rule: 'a code, an enhanced code, words',
      response: '550 5.1.1 no such user',
      reply: { code: 550, enhancedCode: '5.1.1', text: '5.1.1 no such user' },
    },
    {
      rule: 'no enhanced code where the server gives none',
      response: '451 try later',
      reply: { code: 451, text: 'try later' },
    },
    {
      rule: 'several lines are one text, their codes said once',
      response: '554-5.7.1 not from you\r\n554-5.7.1 see https://example.org/why\r\n554 5.7.1 ask postmaster',
      reply: {
        code: 554,
        enhancedCode: '5.7.1',
        text: '5.7.1 not from you 5.7.1 see https://example.org/why 5.7.1 ask postmaster',
      },
    },
    {
      rule: 'lines may end in a bare line feed',
      response: '250-first\n250 second',
      reply: { code: 250, text: 'first second' },
    },
    { rule: 'a bare code has no words', response: '250', reply: { code: 250, text: '' } },
    {
      rule: 'detail digits of up to three places (RFC 3463)',
      response: '550 5.7.509 access denied',
      reply: { code: 550, enhancedCode: '5.7.509', text: '5.7.509 access denied' },
    },
    {
      rule: 'an address or a version is no enhanced code',
      response: '550 10.0.0.1 is blocked by 5.1.1',
      reply: { code: 550, text: '10.0.0.1 is blocked by 5.1.1' },
    },
    {
      rule: 'what is no reply has code 0 and its own words',
      response: '%&/ this is no reply',
      reply: { code: 0, text: '%&/ this is no reply' },
    },
    { rule: 'nothing is code 0 too', response: '', reply: { code: 0, text: '' } },
  ])('$rule', ({ response, reply }) => expect(readReply(response)).toEqual(reply));

  test('it is about a recipient where one is named', () => {
    expect(readReply('450 4.2.1 busy', 'ann@example.org')).toEqual({
      recipient: 'ann@example.org',
      code: 450,
      enhancedCode: '4.2.1',
      text: '4.2.1 busy',
    });
  });

  test('an endless text is cut: it lands in histories and lists', () => {
    expect(readReply(`554 ${'x'.repeat(10_000)}`).text).toBe('x'.repeat(500));
  });
});

describe('retryWish', () => {
  test.each([
    ['seconds', '4.7.1 Greylisted, try again in 300 seconds', 300_000],
    ['one second', 'try again in 1 second', 1_000],
    ['sec', 'Please retry after 90 sec.', 90_000],
    ['s', 'rate limited, wait 45s', 45_000],
    ['minutes', '4.7.0 Greylisting in action, please come back in 5 minutes', 300_000],
    ['min', 'delayed for 15 min', 900_000],
    ['m', 'retry in 2m', 120_000],
    ['hours', '4.7.650 sending limit reached, try again after 2 hours', 7_200_000],
    ['h', 'come back after 1 h', 3_600_000],
    ['capitals', 'GREYLISTED FOR 10 MINUTES', 600_000],
    ['words in between', 'Try again, but please not within the next 60 seconds', 60_000],
  ])('%s', (_unit, text, ms) => expect(retryWish(text)).toBe(ms));

  test.each([
    ['no time', '4.3.0 try again later'],
    ['a number without a unit', '4.2.0 Greylisted, come back in 00:04:58'],
    ['a size', '4.3.1 not enough room, try again in a queue of 20 MB'],
    ['days are no wish that we know', 'retry in 2 days'],
    ['an address', '4.7.1 no connections from 10.0.0.5, see https://example.org/5m-help'],
    ['a link', '4.2.0 Greylisted, see http://postgrey.schweikert.ch/help/example.org.html'],
    ['nothing', ''],
  ])('none: %s', (_what, text) => expect(retryWish(text)).toBeUndefined());
});
