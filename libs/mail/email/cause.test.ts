// Forty thousand failures are a few causes only if what belongs to one email is in none of them.
import fc from 'fast-check';
import { causeOf, commonWords } from './cause';

describe('words that many failures have in common', () => {
  test.each([
    ['an address', 'no such user <ann@example.org> here', 'no such user … here'],
    ['a bare address', 'ann@example.org: user unknown', '…: user unknown'],
    ['an address in a path', 'see http://x/ann%40example.org', 'see http://x/…'],
    [
      'numbers and ids',
      'message 4F2a9B queued 17 times, try again in 300 seconds',
      'message … queued … times, try again in … seconds',
    ],
    ['network addresses', 'connect ECONNREFUSED 127.0.0.1:2525', 'connect ECONNREFUSED …'],
    ['quoted names', `template "welcome" has no 'name' and no \`x\``, 'template … has no … and no …'],
    ['an apostrophe stays', "it isn't there, don't ask", "it isn't there, don't ask"],
    ['what stands side by side', 'blocked: 10.0.0.1, 10.0.0.2 (b17)', 'blocked: …'],
    ['white space', 'a \r\n  b', 'a b'],
  ])('%s', (_what, text, common) => expect(commonWords(text)).toBe(common));

  test('parts of recipients, whole words only', () => {
    const words = commonWords('Ann unknown at gmial.com; announce it', ['ann@gmial.com', 'bob+x@gmial.com']);
    expect(words).toBe('… unknown at …; announce it');
  });

  test('whatever a recipient and a server are called, there are words', () => {
    const anything = fc.string({ unit: 'binary', maxLength: 60 });
    const local = fc.string({
      unit: fc.constantFrom(...'a-.+^$*?()[]{}|\\/&!#%\'=`~_"ß😀'),
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(local, anything, anything, (name, domain, text) => {
        const recipients = [`${name}@${domain}`];
        const words = commonWords(`${text} ${name} ${domain}`, recipients);
        expect(words.length).toBeLessThanOrEqual(200);
        expect(causeOf({ code: 'refused', text }, { recipients, replies: [{ code: 550, text }] })?.code).toBe(
          'refused',
        );
      }),
    );
  });

  test('hostile words end in bounded time and length', () => {
    const begun = performance.now();
    for (const text of ['@'.repeat(100_000), `"${'a'.repeat(100_000)}`, '<('.repeat(50_000), '… '.repeat(50_000)])
      expect(commonWords(text).length).toBeLessThanOrEqual(200);
    expect(performance.now() - begun).toBeLessThan(1_000);
  });
});

describe('causeOf', () => {
  const unknown = (recipient: string) => ({
    replies: [{ recipient, code: 550, enhancedCode: '5.1.1', text: `5.1.1 <${recipient}>: Recipient unknown` }],
    transport: 'default',
    template: 'invoice',
    recipients: [recipient],
  });
  const refused = (text: string) => ({ code: 'refused' as const, text });

  test('two recipients that a server does not know are one cause', () => {
    const first = causeOf(refused('at RCPT TO: ann@a.example: 550 5.1.1 unknown'), unknown('ann@a.example'));
    expect(first).toEqual({ code: 'refused', reply: '550 5.1.1', transport: 'default', text: '…: Recipient unknown' });
    expect(causeOf(refused('at RCPT TO: bob@b.example: 550 5.1.1 unknown'), unknown('bob@b.example'))).toEqual(first);
  });

  test('the number of attempts makes no difference', () => {
    const ended = (text: string) => causeOf({ code: 'attempts-exhausted', text }, { transport: 'default' });
    expect(ended('the only attempt failed: connect ECONNREFUSED 127.0.0.1:1')).toEqual(
      ended('the last of 5 attempts failed: connect ECONNREFUSED 127.0.0.1:2'),
    );
  });

  test('the reply is read off the words where no reply was kept', () => {
    expect(causeOf(refused('at RCPT TO: ann@a.example: 550 5.7.509 denied'))).toMatchObject({ reply: '550 5.7.509' });
    expect(causeOf(refused('at DATA: 451 later'))).toMatchObject({ reply: '451' });
    expect(causeOf(refused('connect ECONNREFUSED 127.0.0.1:465'))).not.toHaveProperty('reply');
  });

  test('a template that fails: its name and line, not the transport', () => {
    const text = "template invoice, version 3, html, line 4, column 7: x is not defined ('Ann Miller')";
    expect(causeOf({ code: 'template-failed', text }, { transport: 'default', template: 'outer' })).toEqual({
      code: 'template-failed',
      template: 'invoice',
      line: 4,
      text: 'template invoice, version …, html, line …, column …: x is not defined …',
    });
  });

  test.each([
    ['held by a person', { code: 'held' as const, text: 'by operator' }, undefined],
    ['canceled', { code: 'canceled' as const, text: 'by operator' }, undefined],
    ['took workers down', { code: 'held' as const, text: 'took its worker down 5 times: look at it' }, 'held'],
    ['resolved as failed', { code: 'refused' as const, text: 'resolved as failed by admin k (Ann)' }, 'refused'],
    ['too late', { code: 'expired' as const, text: 'was not sent before 2026-01-01T00:00:00.000Z' }, 'expired'],
  ])('%s', (_what, failure, code) => {
    const cause = causeOf(failure);
    expect(cause?.code).toBe(code);
    expect(cause?.text ?? '').not.toContain('Ann');
  });
});
