// Both writers say the same: ours in one go, nodemailer's by streams, over messages of all shapes and scripts.
import { createHash } from 'node:crypto';
import { simpleParser } from 'mailparser';
import { decodeWords } from 'postal-mime';
import MailComposer from 'nodemailer/lib/mail-composer';
import { composeLetter } from './compose-letter';
import { mailDate } from './encoding';
import type { Field } from './header-field';
import { writeMessage } from './write-message';

const SUBJECTS = [
  'Hello',
  'Rechnung für Öl, Übergabe und Maß – 1.284,50 €',
  '請求書 2026-114 の件',
  'Счёт на оплату № 114 от 3 ноября',
  'فاتورة رقم 114',
  'חשבונית 114',
  '😀'.repeat(40),
  `long ${'word '.repeat(60)}end`,
  'x'.repeat(200),
  'quotes " and \\ and <angles>, commas; colons: all',
];
const TEXTS = [
  '',
  'Hello Ann',
  '.\n..\n.leading dots\n.\n',
  'trailing spaces   \ntabs\t\n\nFrom here on\nFROM\n',
  `one long line ${'with many words '.repeat(200)}`,
  'a'.repeat(2_000),
  'Grüße aus Köln\r\nmit CRLF\rund CR\nund LF = ende',
  'これは日本語の本文です。\n'.repeat(30),
  'Это письмо написано по-русски.\n'.repeat(20),
  '=?utf-8?Q?not_encoded?= =20 =\n= ',
  `${'ä'.repeat(300)}\n${'€ '.repeat(200)}`,
];
const htmlOf = (text: string): string =>
  `<!doctype html><html><body><p>${text}</p>\n<img src="cid:logo"></body></html>`;
const FILES = [
  { filename: 'empty.bin', content: Buffer.alloc(0) },
  { filename: 'Rechnung für Öl (Müller).pdf', content: Buffer.from('%PDF-1.7\n\xff\xfe', 'latin1') },
  { filename: 'text.txt', content: Buffer.from('line\nline\r\nline\rü') },
  { filename: `${'sehr-langer-name-'.repeat(12)}.csv`, content: Buffer.from('a;b;c\n'.repeat(500)) },
  {
    filename: 'forwarded.eml',
    contentType: 'message/rfc822',
    content: Buffer.from('From: a@b\r\nSubject: x\r\n\r\nü\r\n'),
  },
  { filename: '57.bin', content: Buffer.alloc(57 * 3, 1) },
];
const LOGO = {
  filename: 'logo.png',
  cid: 'logo',
  content: Buffer.from('\x89PNG....'),
  contentDisposition: 'inline' as const,
};

const pick = <T>(list: readonly T[], index: number): T => list[index % list.length] as T;

/** Every script meets every shape: text, html, both, with files, with an inline image, with both. */
const corpus = Array.from({ length: 264 }, (_, index) => {
  const shape = index % 6;
  const text = pick(TEXTS, index);
  const files = shape >= 3 ? [pick(FILES, index), ...(index % 2 === 0 ? [pick(FILES, index + 1)] : [])] : [];
  return {
    from: { name: pick(SUBJECTS, index + 3).slice(0, 60), address: 'sender@acme.example' },
    to: Array.from({ length: (index % 7) + 1 }, (__, n) => ({
      name: pick(SUBJECTS, n).slice(0, 40),
      address: `ann${n}@example.org`,
    })),
    subject: pick(SUBJECTS, index),
    ...(shape !== 1 && { text }),
    ...(shape !== 0 && { html: htmlOf(pick(TEXTS, index + 5)) }),
    messageId: `<m_${index}@mail.test>`,
    date: new Date(1_790_000_000_000 + index * 1_000),
    headers: [{ key: 'X-Note', value: pick(SUBJECTS, index + 1) }],
    attachments: [...files, ...(shape === 2 || shape === 5 ? [LOGO] : [])],
  };
});

const meaning = async (message: Buffer) => {
  const mail = await simpleParser(message);
  return {
    // mailparser reads no encoded words in headers that it does not know.
    headers: [...mail.headers]
      .filter(([key]) => !key.startsWith('content-'))
      .map(([key, value]) => [key, typeof value === 'string' ? decodeWords(value) : value] as const)
      .sort(([one], [other]) => (one < other ? -1 : 1)),
    subject: mail.subject,
    from: mail.from?.value,
    to: mail.to,
    text: mail.text,
    html: mail.html,
    attachments: mail.attachments.map(({ filename, contentType, cid, contentDisposition, content }) => ({
      filename,
      contentType,
      cid,
      contentDisposition,
      hash: createHash('sha256').update(content).digest('hex'),
    })),
  };
};

test('the usual ones mean the same in one pass', async () => {
  const usual = corpus.filter(({ attachments, text, html }) => attachments.length === 0 && (text || html));
  expect(usual.length).toBeGreaterThan(60);
  for (const { from, to, subject, messageId, date, headers, text = '', html } of usual) {
    const fields: Field[] = [
      ...headers.map(({ key, value }): Field => [key, value]),
      ['From', from],
      ['To', to],
      ['Subject', subject],
      ['Message-ID', messageId],
      ['Date', mailDate(date.getTime())],
    ];
    const ours = composeLetter({ fields, text, ...(html !== undefined && { html }) });
    const theirs = await new MailComposer({ from, to, subject, messageId, date, headers, text, html })
      .compile()
      .build();
    expect(await meaning(ours)).toEqual(await meaning(onTheWire(theirs)));
    expect(ours.toString('latin1')).not.toMatch(/[^\r]\n|\r[^\n]/);
    for (const line of ours.toString('latin1').split('\r\n')) expect(line.length).toBeLessThanOrEqual(998);
  }
});

/** As it travels: every line end is CRLF by then (RFC 5321 2.3.8). */
const onTheWire = (message: Buffer): Buffer =>
  Buffer.from(message.toString('latin1').replace(/\r\n|\r|\n/g, '\r\n'), 'latin1');

test('264 messages mean the same as those that nodemailer writes by itself', async () => {
  for (const options of corpus) {
    const tree = new MailComposer(options).compile();
    const ours = writeMessage(tree);
    const theirs = await tree.build();
    expect(await meaning(ours)).toEqual(await meaning(onTheWire(theirs)));
    expect(ours.toString('latin1')).not.toMatch(/[^\r]\n|\r[^\n]/);
    for (const line of ours.toString('latin1').split('\r\n')) expect(line.length).toBeLessThanOrEqual(998);
  }
});
