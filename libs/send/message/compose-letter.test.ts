// What nodemailer's composer would have caught, and what it leaves to whoever calls it.
import { simpleParser } from 'mailparser';
import { composeMessage, type MessageInput } from './message';

const NOTHING = {
  read: () => {
    throw new Error('no content');
  },
  readAll: () => Promise.reject(new Error('no content')),
  size: () => Promise.resolve(undefined),
};

const compose = async (changes: Partial<MessageInput> & { headers?: Record<string, string> }): Promise<string> => {
  const { headers, ...rest } = changes;
  const { content } = await composeMessage(
    {
      email: { to: [{ address: 'ann@example.org' }], ...(headers && { headers }) },
      attachments: [],
      from: { address: 'sender@acme.example' },
      replyTo: [],
      subject: 'Hello',
      text: 'Hello Ann',
      serviceHeaders: {},
      messageId: 'm_1@mail.test',
      date: 1_790_000_000_000,
      ...rest,
    },
    NOTHING,
  );
  return String(content);
};
const boundaryOf = (message: string): string => /boundary="([^"]+)"/.exec(message)?.[1] ?? '';

test('whoever got one letter cannot tell the boundary of the next one, and so puts no part into it', async () => {
  const [first, second] = [await compose({ html: '<p>1</p>' }), await compose({ html: '<p>2</p>' })].map(boundaryOf);
  expect(first).toMatch(/^=_/);
  const common = [...(first ?? '')].findIndex((char, at) => char !== second?.[at]);
  expect(common).toBeLessThan(12);
});

test('an empty html is none: it would be shown instead of the text', async () => {
  const message = await compose({ html: '' });
  expect(message).not.toContain('text/html');
  expect((await simpleParser(message)).text?.trim()).toBe('Hello Ann');
});

test('ids are put into angle brackets in the short way, too', async () => {
  const message = await compose({
    headers: { 'in-reply-to': 'one@acme.example', References: 'zero@a one@acme.example' },
  });
  expect(message).toContain('in-reply-to: <one@acme.example>\r\n');
  expect(message).toContain('References: <zero@a> <one@acme.example>\r\n');
});

test('a header that only looks like encoded words is encoded itself', async () => {
  expect(await compose({ headers: { 'X-Note': '=?utf-8?Q?a b?=' } })).not.toContain('=?utf-8?Q?a b?=');
});

test.each([998, 20_000])(
  'no line is longer than 998 bytes, also with a subject of %i characters without a space',
  async (length) => {
    const subject = 'x'.repeat(length);
    const message = await compose({ subject });
    for (const line of message.split('\r\n')) expect(line.length).toBeLessThanOrEqual(998);
    expect((await simpleParser(message)).subject).toBe(subject);
  },
);

test.each([`a${' '.repeat(200)}b`, `${'a'.repeat(70)}${' '.repeat(40)}`])(
  'no line of the header is blank: %j',
  async (text) => {
    const headers = { 'X-Note': `${'a'.repeat(70)}${' '.repeat(40)}` };
    const message = await compose({ subject: text, headers });
    const header = message.slice(0, message.indexOf('\r\n\r\n'));
    for (const line of header.split('\r\n')) expect(line.trim()).not.toBe('');
    expect((await simpleParser(message)).subject).toBe(text);
  },
);
