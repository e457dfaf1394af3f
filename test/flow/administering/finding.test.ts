// Emails found by whoever looks for one: over all queues that the key reaches, by every filter, and never an empty list instead of
// "that cannot be answered".
import { STATES } from '../../../libs/mail/email/state';
import { untilState } from '../../support/emails';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';

let service: Service;
let smtp: SmtpServer;
/** By a name of the test: id and queue. */
const made = new Map<string, { id: string; queue: string }>();
const keys: Record<string, string> = {};

const post = async (name: string, queue: string, changes: Record<string, unknown> = {}): Promise<string> => {
  const { id } = await service.ok<EmailBody>('POST', `/v1/queues/${queue}/emails`, { ...anEmail(), ...changes });
  made.set(name, { id, queue });
  return id;
};
const raw = (messageId: string): string =>
  Buffer.from(
    `From: sender@acme.example\r\nTo: x@y.example\r\nSubject: Old style\r\nMessage-ID: <${messageId}>\r\n\r\nHi\r\n`,
  ).toString('base64');

beforeAll(async () => {
  smtp = await startSmtpServer();
  smtp.setScript({
    rcpt: ({ recipient = '' }) =>
      recipient.startsWith('refused')
        ? '550 5.1.1 no such user'
        : recipient.startsWith('later')
          ? '451 4.3.0 later'
          : undefined,
  });
  service = await startService();
  for (const queue of ['acme/app', 'acme/shop', 'other/app'])
    await setUpQueue(service, queue, smtp.port, { backoff: { delay: '6h' } });
  await service.ok('PUT', '/v1/tenants/acme/transports/second', {
    host: '127.0.0.1',
    port: smtp.port,
    security: 'none',
  });
  await service.ok('PUT', '/v1/tenants/acme/templates/invoice', { subject: 'Rechnung für <%= it.name %>', text: 't' });
  await post('sent', 'acme/app', { metadata: { case: 114, 'a.b': 'x' }, tags: ['one'], subject: 'Your Invoice, 114' });
  await post('refused', 'acme/shop', { to: ['refused@example.org'], transport: 'second', tags: ['one'] });
  await post('partly', 'acme/app', { to: ['bob@example.org', 'refused-too@example.org'], log: 'none' });
  await post('later', 'acme/app', { to: ['later@example.org'] });
  await post('rendered', 'acme/shop', {
    subject: undefined,
    text: undefined,
    template: 'invoice',
    data: { name: 'Ärger' },
  });
  await post('raw', 'acme/shop', {
    to: ['x@y.example'],
    subject: undefined,
    text: undefined,
    raw: raw('Own.1@acme.example'),
  });
  await post('foreign', 'other/app');
  await post('planned', 'acme/shop', { sendAt: '2030-01-01T00:00:00Z' });
  for (const [name, state] of [
    ['sent', 'sent'],
    ['refused', 'failed'],
    ['partly', 'failed'],
    ['later', 'deferred'],
    ['rendered', 'sent'],
    ['raw', 'sent'],
    ['foreign', 'sent'],
  ] as const) {
    const { id, queue } = made.get(name) ?? { id: '', queue: '' };
    await untilState(service, queue, id, state);
  }
  const { id } = await service.ok<EmailBody>('POST', `/v1/queues/acme/shop/emails/${made.get('raw')?.id}/resend`, {
    mode: 'render',
  });
  made.set('raw again', { id, queue: 'acme/shop' });
  await untilState(service, 'acme/shop', id, 'sent');
  for (const scope of [
    { role: 'reader', tenant: 'acme' },
    { role: 'sender', tenant: 'acme', application: 'app' },
    { role: 'admin', tenant: 'other' },
  ])
    keys[`${scope.tenant}/${scope.application ?? ''}`] = (
      await service.ok<{ key: string }>('POST', '/v1/keys', scope)
    ).key;
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});

interface Listed {
  emails: EmailBody[];
  nextCursor: string | null;
}

/** Names of the emails of all pages, in their order. */
const find = async (path: string, query = '', limit = 50, key?: string): Promise<string[]> => {
  const found: string[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const at: string = `${path}?limit=${limit}${query && `&${query}`}${cursor && `&cursor=${cursor}`}`;
    const page: Listed = await service.ok('GET', at, undefined, key === undefined ? {} : { key });
    for (const { id, tenant, application } of page.emails) {
      const [name, one] = [...made].find(([, known]) => known.id === id) ?? [];
      expect(one?.queue).toBe(`${String(tenant)}/${String(application)}`);
      found.push(name ?? id);
    }
    cursor = page.nextCursor;
  }
  return found;
};
const newestFirst = (names: string[]): string[] =>
  [...names].sort((a, b) => ((made.get(a)?.id ?? '') < (made.get(b)?.id ?? '') ? 1 : -1));
const namesIn = (prefix: string): string[] =>
  [...made].flatMap(([name, { queue }]) => (queue.startsWith(prefix) ? [name] : []));

test('a list over many queues is newest first, each email once, with its tenant and application', async () => {
  for (const limit of [1, 2, 200]) {
    expect(await find('/v1/emails', '', limit)).toEqual(newestFirst(namesIn('')));
    expect(await find('/v1/tenants/acme/emails', '', limit)).toEqual(newestFirst(namesIn('acme/')));
  }
});

test('a key sees what it reaches, and learns of nothing else', async () => {
  expect(await find('/v1/emails', '', 50, keys['acme/'])).toEqual(newestFirst(namesIn('acme/')));
  expect(await find('/v1/emails', '', 50, keys['acme/app'])).toEqual(newestFirst(namesIn('acme/app')));
  expect(await find('/v1/emails', 'recipient=*@example.org', 1, keys['other/'])).toEqual(['foreign']);
  expect(await find('/v1/emails', `messageId=${made.get('foreign')?.id}@mail.test`, 50, keys['acme/'])).toEqual([]);
  for (const [who, path] of [
    ['other/', '/v1/tenants/acme/emails'],
    ['acme/app', '/v1/tenants/acme/emails'],
    ['acme/', '/v1/tenants/nobody/emails'],
  ] as const) {
    const { status } = await service.call('GET', path, undefined, { key: keys[who] ?? '' });
    expect([who, path, status]).toEqual([who, path, 404]);
  }
});

const today = new Date().toISOString().slice(0, 10);
const day = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);

test.each<[string, string[]]>([
  ['state=sent', ['sent', 'rendered', 'raw', 'raw again']],
  ['state=failed,deferred', ['refused', 'partly', 'later']],
  ['state=failed&state=deferred', ['refused', 'partly', 'later']],
  ['state=scheduled,sending,queued', ['planned']],
  [`state=${STATES.join(',')}&tag=one`, ['sent', 'refused']],
  ['recipient=ann@example.org', ['sent', 'rendered', 'planned']],
  ['recipient=Ann%20<ANN@example.org>&state=sent', ['sent', 'rendered']],
  ['recipient=refused*', ['refused', 'partly']],
  ['recipient=*@y.example', ['raw', 'raw again']],
  ['template=invoice', ['rendered']],
  ['tag=one', ['sent', 'refused']],
  ['metadata.case=114', ['sent']],
  ['metadata.case=114&metadata.a.b=x', ['sent']],
  ['metadata.case=11', []],
  ['metadata.toString=x', []],
  ['subject=INVOICE', ['sent']],
  ['subject=114%20your', ['sent']],
  ['subject=rechnung+%C3%A4rger', ['rendered']],
  ['subject=old', ['raw', 'raw again']],
  ['subject=voice', []],
  ['code=refused', ['refused', 'later']],
  ['code=partly-sent', ['partly']],
  ['reply=550', ['refused', 'partly']],
  ['reply=5.1.1', ['refused', 'partly']],
  ['reply=451', ['later']],
  ['reply=550%205.1.1&tag=one', ['refused']],
  ['reply=550%204.3.0', []],
  ['transport=second', ['refused']],
  ['transport=default&state=scheduled', ['planned']],
  ['messageId=Own.1@acme.example', ['raw', 'raw again']],
  ['messageId=%3COwn.1@acme.example%3E', ['raw', 'raw again']],
  ['messageId=own.1@acme.example', []],
  [`since=${today}&until=${day(1)}&state=failed`, ['refused', 'partly']],
  [`until=${today}`, []],
  [`since=${day(1)}`, []],
])('%s', async (query, wanted) => {
  for (const path of ['/v1/tenants/acme/emails', '/v1/emails']) {
    const key = path === '/v1/emails' ? keys['acme/'] : undefined;
    for (const limit of [1, 50]) {
      const found = await find(path, query, limit, key);
      expect([query, path, newestFirst(found)]).toEqual([query, path, newestFirst(wanted)]);
    }
  }
  const app = wanted.filter((name) => made.get(name)?.queue === 'acme/app');
  expect(newestFirst(await find('/v1/queues/acme/app/emails', query, 1))).toEqual(newestFirst(app));
});

test('an email is found by the Message-ID that was made of its id, in whatever queue', async () => {
  for (const name of ['sent', 'planned', 'foreign']) {
    const { id = '' } = made.get(name) ?? {};
    expect(await find('/v1/emails', `messageId=<${id}@mail.test>`)).toEqual([name]);
    expect(await find('/v1/emails', `messageId=${id}@elsewhere.test`)).toEqual([]);
  }
});

test.each([
  ['state=new', '/state'],
  ['state=sent,', '/state/1'],
  ['state=', '/state'],
  ['subject=...', '/subject'],
  ['subject=', '/subject'],
  ['recipient=*ann', '/recipient'],
  ['messageId=nothing', '/messageId'],
  ['messageId=a+b@c.example', '/messageId'],
  ['code=550', '/code'],
  ['reply=no', '/reply'],
  ['reply=55', '/reply'],
  ['transport=a%20b', '/transport'],
  ['tag=a&tag=b', '/tag'],
  ['metadata=x', '/metadata'],
  ['metadata.=x', '/metadata/'],
  ['metadata.__proto__=x', '/metadata/'],
  ['metadata.a=x&metadata.a=y', '/metadata/a'],
  ['since=2026-13-01', '/since'],
  ['since=yesterday', '/since'],
  ['since=2026-11-01T10:00:00', '/since'],
  ['since=2026-11-02&until=2026-11-02', '/until'],
  ['metdata.a=x', '/metdata.a'],
  ['sort=asc', '/sort'],
])('?%s is told to be no question', async (query, path) => {
  for (const list of ['/v1/emails', '/v1/tenants/acme/emails', '/v1/queues/acme/app/emails']) {
    const answer = await service.call<{ errors: { path: string }[] }>('GET', `${list}?${query}`);
    expect([list, query, answer.status, answer.body.errors[0]?.path]).toEqual([list, query, 422, path]);
  }
});

test('a cursor goes on in its own list, by its own filter, and nowhere else', async () => {
  const cursorOf = async (path: string): Promise<string> =>
    (await service.ok<Listed>('GET', `${path}${path.includes('?') ? '&' : '?'}limit=1`)).nextCursor ?? '';
  const lists = [
    '/v1/emails',
    '/v1/tenants/acme/emails',
    '/v1/queues/acme/app/emails',
    '/v1/emails?state=sent',
    '/v1/emails?state=sent,failed',
    '/v1/emails?tag=one',
    '/v1/emails?recipient=ann@example.org',
    '/v1/emails?recipient=*@example.org',
    `/v1/emails?since=${today}`,
  ];
  const cursors = await Promise.all(lists.map(cursorOf));
  expect(new Set([...cursors, '']).size).toBe(lists.length + 1);
  for (const [at, list] of lists.entries())
    for (const [from, cursor] of cursors.entries()) {
      const { status } = await service.call('GET', `${list}${list.includes('?') ? '&' : '?'}cursor=${cursor}`);
      expect([list, lists[from], status]).toEqual([list, lists[from], at === from ? 200 : 400]);
    }
});

test('a subject that was rendered is shown, and gone with what it was rendered from', async () => {
  const emails = '/v1/queues/acme/shop/emails';
  const content = { subject: undefined, text: undefined, template: 'invoice' };
  const kept = await service.email('acme/shop', made.get('rendered')?.id ?? '');
  expect(kept['subject']).toBe('Rechnung für Ärger');
  const id = await post('wrong', 'acme/shop', { ...content, to: ['refused@z.example'], data: { name: 'Wrong' } });
  await untilState(service, 'acme/shop', id, 'failed');
  expect(await find('/v1/emails', 'subject=wrong')).toEqual(['wrong']);
  await service.ok('PATCH', `${emails}/${id}`, { data: { name: 'Right' }, to: ['ok@z.example'] });
  expect(await find('/v1/emails', 'subject=wrong')).toEqual([]);
  expect(await find('/v1/emails', 'recipient=refused@z.example')).toEqual(['wrong']);
  await service.ok('POST', `${emails}/${id}/release`);
  await untilState(service, 'acme/shop', id, 'sent');
  expect(await find('/v1/emails', 'subject=right')).toEqual(['wrong']);
  const secret = await post('secret', 'acme/shop', {
    ...content,
    to: ['refused@z.example'],
    data: { name: 'Secret' },
    history: { keep: false },
  });
  await untilState(service, 'acme/shop', secret, 'failed');
  expect(await find('/v1/emails', 'subject=secret')).toEqual([]);
  expect(JSON.stringify(await service.ok('GET', '/v1/emails?state=failed'))).not.toContain('Secret');
});
