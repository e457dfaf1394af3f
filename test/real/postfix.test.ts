// A real SMTP server receives a thousand emails of all kinds: what arrives is what was meant, to the byte.
import { createHash, randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { simpleParser } from 'mailparser';
import { startPostfix, type Postfix } from '../support/smtp/postfix';
import { setUpQueue, startService, type Service } from '../support/service';
import { eventually } from '../support/wait';

const COUNT = 1_000;

let service: Service;
let postfix: Postfix;

beforeAll(async () => {
  postfix = await startPostfix();
  service = await startService();
});
afterAll(async () => {
  await service.close();
  await postfix.stop();
});

const SUBJECTS = [
  'Hello',
  'Grüße aus Köln',
  '日本語の件名',
  'Привет, мир',
  'שלום',
  '🎉 '.repeat(30).trim(),
  'a'.repeat(300),
  'words '.repeat(60).trim(),
  '=?UTF-8?Q?not_encoded?=',
];
const NAMES = ['Ann', 'Ännchen von Tharau', '山田太郎', 'O\'Brien "The Great"', 'Lee, Ann'];
const LOCALS = ['ann', 'ann+tag', 'o_brien', 'jürgen', 'पता'];
const TEXTS = [
  'Hello',
  '.\n..\n.leading dots\n...',
  'long '.repeat(400),
  'ä'.repeat(1_500),
  'a\r\nb\nc',
  '日本語\n'.repeat(50),
  'From the start\n>From',
  ' spaces at the end   \nand\ttabs\t',
];

const pick = <T>(from: readonly T[], n: number): T => from[n % from.length] as T;
const sha = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');
/** Line ends are CRLF on the wire and LF in a mailbox: what a text means is its lines. */
const lines = (text: string): string => text.replace(/\r\n/g, '\n').replace(/\n+$/, '');

interface Meant {
  subject: string;
  name: string;
  address: string;
  text: string;
  html?: string;
  files: string[];
}

test('1,000 emails with attachments, all scripts, long lines and dots', async () => {
  const { queue, emails } = await setUpQueue(service, 'acme/app', postfix.port, { concurrency: 20 });
  const meant = new Map<string, Meant>();
  const bodies = Array.from({ length: COUNT }, (_, n) => {
    const files = n % 3 === 0 ? [randomBytes(50 + ((n * 37) % 5_000))] : [];
    const html = n % 2 === 0 ? `<p>${pick(TEXTS, n).replace(/</g, '&lt;')}</p>\n<p>.</p>` : undefined;
    const one: Meant = {
      subject: pick(SUBJECTS, n),
      name: pick(NAMES, n),
      address: `${pick(LOCALS, n)}${n}@${n % 2 === 0 ? 'example.org' : 'example.com'}`,
      text: pick(TEXTS, n + 3),
      ...(html !== undefined && { html }),
      files: files.map(sha),
    };
    meant.set(String(n), one);
    return {
      to: [{ name: one.name, address: one.address }],
      subject: one.subject,
      text: one.text,
      ...(html !== undefined && { html }),
      headers: { 'X-Number': String(n) },
      attachments: files.map((bytes, index) => ({
        filename: `Anhang ${index} ä.bin`,
        content: bytes.toString('base64'),
      })),
    };
  });
  for (let from = 0; from < COUNT; from += 250)
    await service.ok('POST', `${emails}/batch`, { emails: bodies.slice(from, from + 250) });
  await eventually(
    async () => {
      expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ counts: { sent: COUNT, failed: 0 } });
      expect(await postfix.delivered()).toHaveLength(COUNT);
    },
    { timeout: 90_000, every: 500 },
  );

  const wrong: unknown[] = [];
  for (const raw of await postfix.delivered()) {
    const mail = await simpleParser(raw);
    const number = /^X-Number: (\d+)/m.exec(raw.toString('latin1'))?.[1] ?? '';
    const one = meant.get(number);
    const to = Array.isArray(mail.to) ? mail.to[0] : mail.to;
    const arrived = {
      subject: mail.subject,
      name: to?.value[0]?.name,
      address: to?.value[0]?.address,
      text: lines(mail.text ?? ''),
      html: lines(mail.html || ''),
      files: mail.attachments.map(({ content }) => sha(content)),
    };
    const expected = one && { ...one, text: lines(one.text), html: lines(one.html ?? '') };
    if (!isDeepStrictEqual(arrived, expected)) wrong.push({ number, arrived, expected });
    meant.delete(number);
  }
  expect(wrong.slice(0, 3)).toEqual([]);
  expect(meant.size).toBe(0);
}, 150_000);
