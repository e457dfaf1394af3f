// What servers write when an email comes back: each shape is understood, and no bytes break it.
import { isHardBounce, type Report } from '../../libs/mail/reports/report';
import { MOST_READ, readReport } from '../../libs/mail/reports/read-report';
import { tagsIn } from '../../libs/mail/reports/return-path';
import { FEEDBACK } from '../fixtures/reports/feedback';
import { FOR_MACHINES } from '../fixtures/reports/for-machines';
import { IN_PROSE } from '../fixtures/reports/in-prose';

const said = (report: Report): string[] => {
  if (report.kind === 'complaint') return [`complained ${report.feedbackType} ${report.recipients[0] ?? ''}`];
  if (report.kind !== 'delivery-status') return [report.kind];
  return report.recipients.map((one) =>
    [one.kind, isHardBounce(one) ? 'hard' : 'soft', one.status ?? '-', one.recipients[0] ?? ''].join(' '),
  );
};

const SHAPES = Object.entries({ ...FOR_MACHINES, ...FEEDBACK, ...IN_PROSE });

test('there are shapes of many servers', () => expect(SHAPES.length).toBeGreaterThanOrEqual(50));

test.each(SHAPES)('%s', async (_name, { message, is }) => {
  expect(said((await readReport(Buffer.from(message))).report)).toEqual(is);
});

test('lines that end in LF alone say the same', async () => {
  for (const [, { message, is }] of SHAPES)
    expect(said((await readReport(Buffer.from(message.replace(/\r\n/g, '\n')))).report)).toEqual(is);
});

/** Numbers that look random, the same at each run. */
const numbers = (seed: number) => () => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0);

test('whatever is done to its bytes, a report is read or is none', async () => {
  const next = numbers(25);
  for (let round = 0; round < 1_500; round++) {
    const [, { message }] = SHAPES[next() % SHAPES.length] ?? ['', { message: '' }];
    const bytes = Buffer.from(message);
    for (let changes = next() % 8; changes > 0 && bytes.length > 0; changes--)
      bytes[next() % bytes.length] = next() & 255;
    const [from, to] = [next() % (bytes.length + 1), next() % (bytes.length + 1)];
    const { report } = await readReport(
      next() % 2 === 0 ? bytes : bytes.subarray(Math.min(from, to), Math.max(from, to)),
    );
    expect(['delivery-status', 'complaint', 'auto-reply', 'other']).toContain(report.kind);
  }
});

const part = (type: string, body: string): string =>
  `From: mailer-daemon@x\r\nSubject: failure notice\r\nContent-Type: ${type}\r\n\r\n${body}`;
const HOSTILE: Record<string, string> = {
  'parts without end': part('multipart/report; boundary=b', '--b\r\n\r\nx\r\n'.repeat(60_000)),
  'parts within parts': Array.from(
    { length: 3_000 },
    (_, n) => `Content-Type: multipart/mixed; boundary=b${n}\r\n\r\n--b${n}\r\n`,
  ).join(''),
  'one long line': part('text/plain', '<a@'.repeat(170_000)),
  'one long header': `Subject: ${'undeliverable '.repeat(36_000)}\r\n\r\nx`,
  'a million groups': part(
    'message/delivery-status',
    'Final-Recipient: rfc822; a@b.c\nStatus: 5.1.1\n\n'.repeat(11_000),
  ),
  'HTML that never closes': part('text/html', '<p <a <b '.repeat(56_000)),
  spaces: part('text/plain', `${' '.repeat(500_000)}@`),
  'at signs': part('text/plain', `${'a@'.repeat(250_000)}\n`),
  'words of failure': part('text/plain', 'user '.repeat(100_000)),
  'digits of tags': part('text/plain', '0123456789abcdefghijklmnopqrstuv'.repeat(16_000)),
  'encoded words': `Subject: ${'=?utf-8?q?a?= '.repeat(30_000)}\r\nFrom: mailer-daemon@x\r\n\r\nx`,
  dashes: `X-Failed-Recipients: a@b.example\r\n${part('text/plain', `${'-'.repeat(20_000)}\r\n`.repeat(12))}`,
  'groups of at signs': part(
    'message/delivery-status',
    `Final-Recipient: rfc822; <${'@'.repeat(990)}\nStatus: 5.1.1\n\n`.repeat(250),
  ),
  'groups of letters': part(
    'message/delivery-status',
    `Final-Recipient: rfc822; ${'a'.repeat(990)}\nStatus: 5.1.1\n\n`.repeat(250),
  ),
  'a header of colons': `${'a:'.repeat(250_000)}\r\n\r\n`,
};

test.each(Object.entries(HOSTILE))('%s: read within moments', async (_name, message) => {
  const harmless = part('text/plain', 'could not be delivered to a person\r\n'.repeat(14_000));
  const took = async (text: string): Promise<number> => {
    const begun = process.cpuUsage();
    await readReport(Buffer.from(text.slice(0, MOST_READ)));
    const { user, system } = process.cpuUsage(begun);
    return (user + system) / 1_000;
  };
  await took(harmless);
  expect(await took(message)).toBeLessThan(Math.max(6 * (await took(harmless)), 250));
});

test('tags are found wherever they stand, whatever the case, and a few of them', () => {
  const tag = 'a'.repeat(51);
  expect(tagsIn(`<bounce+${tag.toUpperCase()}@acme.example> ${tag}0 x${tag} bounce-${tag}=x`)).toEqual([tag]);
  expect(tagsIn(Array.from({ length: 100 }, (_, n) => String(n).padStart(51, '0')).join(' '))).toHaveLength(20);
});
