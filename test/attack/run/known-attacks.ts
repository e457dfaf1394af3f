// Attacks that somebody thought out: each once held the service up, or tries what would.
import type { Operation } from './document';
import type { Draw } from './draw';
import type { HostileRequest, Role } from './requests';

interface Known {
  operation: string;
  path?: Record<string, string>;
  role?: Role;
  body: (draw: Draw) => unknown;
}

const MIB = 1024 * 1024;
const list = (count: number, of: string): string => `[${`${of},`.repeat(count - 1)}${of}]`;
const names = (count: number): string => Array.from({ length: count }, (_, n) => `"k${n}":1`).join(',');
const mail = (more: object = {}): object => ({ to: ['ann@a.example'], subject: 'Hello', text: 'Hello', ...more });
const style = (rules: number): string => `<style>${'p{color:red}'.repeat(rules)}</style>`;
const recipients = (count: number, draw: Draw): string[] =>
  Array.from({ length: count }, (_, n) => `r${n}-${draw.below(1_000_000)}@a.example`);
const template = { name: 'hostile' };
const runaway = { name: 'runaway' };
const slow = { application: 'slow' };

/** A text is sent as it is, everything else as JSON. */
const KNOWN: Record<string, Known> = {
  '1.5 million names': { operation: 'renderEmail', role: 'reader', body: () => `{${names(1_500_000)}}` },
  '99,000 names': { operation: 'renderEmail', role: 'reader', body: () => `{${names(99_000)}}` },
  '12 million zeros': { operation: 'acceptEmail', body: () => `{"text":"x","to":${list(12_000_000, '0')}}` },
  '98,000 zeros': { operation: 'acceptEmail', body: () => `{"text":"x","to":${list(98_000, '0')}}` },
  'lines that are nothing': { operation: 'acceptBatch', body: () => `{"emails":${list(98_000, '{}')}}` },
  'lines with much wrong': {
    operation: 'acceptBatch',
    body: () => `{"emails":${list(900, `{${Array.from({ length: 50 }, (_, n) => `"x${n}":0`).join(',')}}`)}}`,
  },
  'large defaults': {
    operation: 'acceptBatch',
    body: () => ({
      defaults: { text: 'x', attachments: [{ filename: 'a', content: 'QUJD'.repeat((16 * MIB) / 4) }] },
      emails: Array.from({ length: 1_000 }, (_, n) => ({ to: [`a${n}@a.example`], subject: 'x' })),
    }),
  },
  '100 lines': {
    operation: 'acceptBatch',
    body: () => ({ emails: Array.from({ length: 100 }, () => mail({ template: undefined })) }),
  },
  'a large html': {
    operation: 'acceptEmail',
    body: (draw) => mail({ html: '<p>Grüße</p>\n'.repeat(draw.upTo(1_200_000)) }),
  },
  'html for text': {
    operation: 'acceptEmail',
    body: (draw) => ({ to: ['ann@a.example'], subject: 'x', html: '<div>'.repeat(draw.upTo(100_000)) }),
  },
  'html that opens': {
    operation: 'acceptEmail',
    body: (draw) => ({ to: ['ann@a.example'], subject: 'x', html: '<table><tr><td>'.repeat(draw.upTo(60_000)) }),
  },
  'a long line': { operation: 'acceptEmail', body: () => mail({ text: 'x'.repeat(4 * MIB) }) },
  'many recipients': { operation: 'acceptEmail', body: (draw) => mail({ to: recipients(100, draw) }) },
  'many headers': {
    operation: 'acceptEmail',
    body: () =>
      mail({ headers: Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`X-H${n}`, 'x'.repeat(900)])) }),
  },
  'header injection': {
    operation: 'acceptEmail',
    body: (draw) =>
      mail({
        [draw.pick(['subject', 'from', 'replyTo'])]: 'a\r\nBcc: eve@a.example',
        headers: { 'X-A': 'b\r\nBcc: eve@a.example' },
      }),
  },
  'a raw message of many parts': {
    operation: 'acceptEmail',
    body: (draw) => ({
      to: ['ann@a.example'],
      raw: Buffer.from(
        `From: a@a.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n\r\nx\r\n'.repeat(draw.upTo(200_000))}`,
      ).toString('base64'),
    }),
  },
  'a raw message of many headers': {
    operation: 'acceptEmail',
    body: (draw) => ({
      to: ['ann@a.example'],
      raw: Buffer.from(`From: a@a.example\r\n${'X-A: b\r\n'.repeat(draw.upTo(1_000_000))}\r\nx`).toString('base64'),
    }),
  },
  'a slow server': { operation: 'acceptEmail', path: slow, body: () => mail() },
  'many for a slow server': {
    operation: 'acceptBatch',
    path: slow,
    body: () => ({ emails: Array.from({ length: 200 }, () => mail()) }),
  },
  'a server that talks': {
    operation: 'acceptEmail',
    path: { application: 'loud' },
    body: (draw) => mail({ to: recipients(20, draw) }),
  },
  'verify a silent host': {
    operation: 'verifyTransport',
    path: { name: 'silent' },
    role: 'admin',
    body: () => undefined,
  },
  'everything held': {
    operation: 'beginQueueBulk',
    role: 'admin',
    body: (draw) => ({ action: draw.pick(['hold', 'release', 'cancel', 'delete']), all: true }),
  },
  'a large template': {
    operation: 'putTemplate',
    path: { name: 'large' },
    role: 'admin',
    body: (draw) => ({ subject: 'x', text: `${'x'.repeat(480_000)}${draw.below(1e9)}` }),
  },
  'a template of tags': {
    operation: 'putTemplate',
    path: template,
    role: 'admin',
    body: () => ({ subject: 'x', html: '<%= it.name %>'.repeat(30_000) }),
  },
  'a schema that repeats': {
    operation: 'putTemplate',
    path: template,
    role: 'admin',
    body: () => ({
      subject: 'x',
      text: 'x',
      schema: { type: 'object', properties: { name: { type: 'string', pattern: '^(a+)+$' } } },
    }),
  },
  'styles without end': {
    operation: 'putTemplate',
    path: template,
    role: 'admin',
    body: (draw) => ({
      subject: 'x',
      inlineCss: true,
      html: style(draw.upTo(20_000)) + '<p>x</p>'.repeat(draw.upTo(20_000)),
    }),
  },
  'a runaway template': {
    operation: 'putTemplate',
    path: runaway,
    role: 'admin',
    body: (draw) => ({
      subject: 'x',
      html: draw.pick([
        '<% for (;;); %>',
        '<% /(a+)+b/.test("a".repeat(60)) %>',
        '<% const a = []; for (;;) a.push("x".repeat(1e6)) %>',
        '<%= "x".repeat(3e7) %>',
        '<% (function f() { f() })() %>',
      ]),
    }),
  },
  'a runaway rendered': { operation: 'renderTemplate', path: runaway, role: 'admin', body: () => ({ data: {} }) },
  'a runaway sent': {
    operation: 'acceptEmail',
    body: () => ({ to: ['ann@a.example'], template: 'runaway', data: {} }),
  },
  'a hostile template rendered': {
    operation: 'renderTemplate',
    path: template,
    role: 'admin',
    body: () => ({ data: { name: 'a'.repeat(60) } }),
  },
  'much data': {
    operation: 'acceptEmail',
    body: (draw) => ({
      to: ['ann@a.example'],
      template: 'receipt',
      data: {
        name: 'x'.repeat(1_000),
        items: Array.from({ length: draw.upTo(20_000) }, () => ({ what: 'x', price: '1' })),
      },
    }),
  },
  'a pattern for names': {
    operation: 'acceptEmail',
    body: (draw) => ({ to: ['ann@a.example'], template: 'hostile', data: { name: 'a'.repeat(draw.upTo(100_000)) } }),
  },
};

/** @throws Error where the document no longer has an operation that one of them names */
export const knownAttacks = (operations: readonly Operation[]) => {
  const byId = new Map(operations.map((operation) => [operation.id, operation]));
  const lost = Object.values(KNOWN).filter(({ operation }) => !byId.has(operation));
  if (lost.length > 0)
    throw new Error(
      `no operation is called ${lost.map(({ operation }) => operation).join(', ')}; there are ${[...byId.keys()].join(', ')}`,
    );
  const labels = Object.keys(KNOWN);
  return (draw: Draw): HostileRequest => {
    const label = draw.pick(labels);
    const { operation: id, path = {}, role = 'sender', body } = KNOWN[label] as Known;
    const operation = byId.get(id) as Operation;
    const value = body(draw);
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    const place: Record<string, string> = { tenant: 'a', application: 'app', ...path };
    return {
      label,
      operation,
      path: operation.path.replace(/\{(\w+)\}/g, (_, name: string) => place[name] ?? 'x'),
      role,
      headers: text === undefined ? {} : { 'content-type': 'application/json' },
      body: text === undefined ? undefined : Buffer.from(text),
    };
  };
};
