// Many emails mended at once: checked before, one person's mail never sent to another, told email by email.
import { untilState } from '../../support/emails';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

interface OperationBody extends Record<string, unknown> {
  id: string;
  state: string;
  examples: { id: string; before: Record<string, unknown>; after: Record<string, unknown> }[];
}

let service: Service;
let smtp: SmtpServer;
let tenant: string;
let queue: string;
let emails: string;
let count = 0;

beforeAll(async () => {
  smtp = await startSmtpServer();
  service = await startService();
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});
beforeEach(async () => {
  tenant = `t${count++}`;
  ({ queue, emails } = await setUpQueue(service, `${tenant}/app`, smtp.port));
});

const post = async (changes: Record<string, unknown> = {}, path = emails): Promise<string> =>
  (await service.ok<EmailBody>('POST', path, anEmail(changes))).id;
const held = async (changes: Record<string, unknown> = {}): Promise<string> => {
  const id = await post({ sendAt: '2030-01-01T00:00:00Z', ...changes });
  await service.ok('POST', `${emails}/${id}/hold`);
  return id;
};
const bulk = async (body: Record<string, unknown>, path = `${emails}/bulk`): Promise<OperationBody> => {
  const { id } = await service.ok<OperationBody>('POST', path, body);
  return eventually(async () => {
    const operation = await service.ok<OperationBody>('GET', `/v1/operations/${id}`);
    expect(operation.state).toBe('done');
    return operation;
  });
};
const HELD = { state: 'held' };

test('what belongs to one email cannot be given to many, nor can everybody be meant by nothing', async () => {
  const id = await held();
  const release = { filter: HELD, action: 'release' };
  for (const [body, pointer, hint] of [
    [{ ...release, patch: { to: ['one@example.org'] } }, '/patch/to', 'replace'],
    [{ ...release, patch: { bcc: 'one@example.org' } }, '/patch/bcc', 'replace'],
    ...[
      'subject',
      'html',
      'text',
      'template',
      'data',
      'dataUrl',
      'raw',
      'attachments',
      'headers',
      'tags',
      'metadata',
    ].map((name) => [{ ...release, patch: { [name]: null } }, `/patch/${name}`, 'one email'] as const),
    [{ ...release, patch: { attempts: 0 } }, '/patch/attempts', ''],
    [{ ...release, patch: { colour: 1 } }, '/patch/colour', 'known'],
    [{ filter: {}, action: 'delete' }, '/filter', '"all": true'],
    [{ action: 'cancel' }, '/filter', '"all": true'],
    [{ filter: { recipient: '*' }, action: 'cancel' }, '/filter/recipient', ''],
    [{ filter: { state: [] }, action: 'cancel' }, '/filter/state', ''],
    [{ filter: { messageId: 'no id' }, action: 'cancel' }, '/filter/messageId', ''],
    [{ filter: { subject: '...' }, action: 'cancel' }, '/filter/subject', 'word'],
    [{ filter: { since: '2026-11-02', until: '2026-11-01' }, action: 'cancel' }, '/filter/until', 'after since'],
    [{ filter: { metadata: {} }, action: 'cancel' }, '/filter', '"all": true'],
    [{ filter: { recipient: 'no address' }, action: 'cancel' }, '/filter/recipient', ''],
    [{ filter: HELD, action: 'cancel', patch: { attempts: 2 } }, '/patch', 'release'],
    [{ filter: HELD, action: 'resolve' }, '/as', 'sent'],
    [{ ...release, replace: {} }, '/replace', 'gmail.com'],
    [{ ...release, replace: { recipient: { 'a@x.example': 'nobody' } } }, '/replace/recipient/a@x.example', ''],
    [
      { ...release, replace: { recipient: { 'a@x.example': 'c@x.example', 'b@x.example': 'C@x.example' } } },
      '/replace/recipient/b@x.example',
      'mail of two',
    ],
    [
      { ...release, replace: { recipientDomain: { 'x.example': 'y.example', 'y.example': 'x.example' } } },
      '/replace/recipientDomain/x.example',
      'two operations',
    ],
    [
      {
        ...release,
        replace: { recipientDomain: { 'x.example': 'y.example' }, recipient: { 'a@z.example': 'a@x.example' } },
      },
      '/replace/recipient/a@z.example',
      'two operations',
    ],
  ] as const) {
    const answer = await service.call('POST', `${emails}/bulk`, body);
    expect([body, answer.status]).toEqual([body, 422]);
    const found = (answer.body['errors'] as { path: string; message: string }[]).find(({ path }) => path === pointer);
    expect([body, found?.message]).toEqual([body, expect.stringContaining(hint)]);
  }
  expect(await service.email(queue, id)).toMatchObject({ state: 'held', to: ['Ann <ann@example.org>'] });
});

test('addresses are mended, names stay, and nobody else’s mail is touched', async () => {
  const wrong = await held({
    to: ['Ann <Ann@Gmial.com>', 'ann@gmail.com'],
    cc: ['old@x.example'],
    bcc: ['new@x.example'],
  });
  const right = await held({ to: ['bob@gmail.com'] });
  const replace = { recipientDomain: { 'gmial.com': 'gmail.com' }, recipient: { 'OLD@x.example': 'new@x.example' } };
  const order = { filter: HELD, action: 'release', replace, patch: { attempts: 3, sendAt: null } };
  const tried = await bulk({ ...order, dryRun: true });
  expect(tried).toMatchObject({ matched: 2, done: 0, changed: 1, skipped: 1, failed: 0 });
  expect(tried.examples).toEqual([
    {
      id: wrong,
      application: 'app',
      before: expect.objectContaining({ state: 'held', to: ['Ann <Ann@Gmial.com>', 'ann@gmail.com'] }) as unknown,
      after: expect.objectContaining({
        state: 'queued',
        to: ['Ann <Ann@gmail.com>'],
        cc: ['new@x.example'],
        bcc: null,
        attempts: 3,
      }) as unknown,
    },
  ]);
  expect((await service.email(queue, wrong)).changes).toHaveLength(1);

  const done = await bulk(order);
  expect(done).toMatchObject({
    changed: 1,
    done: 1,
    skipped: 1,
    failed: 0,
    skips: [{ id: right, application: 'app', code: 'nothing-to-replace' }],
  });
  const sent = await untilState(service, queue, wrong, 'sent');
  expect(sent.changes.slice(1).map((change) => ({ ...change, at: '', fields: {} }))).toEqual([
    { at: '', by: 'operator', what: 'corrected', operation: done.id, fields: {} },
    { at: '', by: 'operator', what: 'released', operation: done.id, fields: {} },
  ]);
  expect(smtp.messages.at(-1)?.to).toEqual(['Ann@gmail.com', 'new@x.example']);
  expect((await service.email(queue, right)).state).toBe('held');
});

test('an operation takes the filters of lists', async () => {
  const meant = await held({ metadata: { case: 114 }, subject: 'Invoice 114' });
  await held({ metadata: { case: 115 }, subject: 'Invoice 115' });
  for (const filter of [
    { 'metadata.case': '114' },
    { metadata: { case: 114 }, state: 'held' },
    { subject: 'invoice 114' },
    { messageId: `<${meant}@mail.test>` },
    { code: 'held', subject: '114', transport: 'default' },
  ]) {
    const tried = await bulk({ filter, action: 'cancel', dryRun: true });
    expect([filter, tried['matched'], tried.examples.map(({ id }) => id)]).toEqual([filter, 1, [meant]]);
  }
  expect(await bulk({ filter: { reply: '5.1.1' }, action: 'release' })).toMatchObject({ matched: 0 });
});

test('two people whose addresses become one are not made one', async () => {
  await held({ to: ['info@first.example'] });
  await held({ to: ['info@second.example'] });
  await held({ to: ['ann@second.example'] });
  const replace = { recipientDomain: { 'first.example': 'all.example', 'second.example': 'all.example' } };
  for (const dryRun of [true, false])
    expect(await bulk({ filter: HELD, action: 'hold', replace, dryRun })).toMatchObject({ failed: 3 });
  const merged = { filter: HELD, action: 'release', replace };
  for (const dryRun of [true, false])
    expect(await bulk({ ...merged, dryRun })).toMatchObject({
      changed: 2,
      failed: 1,
      errors: [{ code: 'recipients-merge', detail: expect.stringContaining('info@all.example') as string }],
    });
});

test('a dry run refuses what the real run would, email by email', async () => {
  await service.ok('PATCH', `/v1/tenants/${tenant}/transports/default`, { allowedFrom: [`@${tenant}.example`] });
  const scheduled = await post({ sendAt: '2030-01-01T00:00:00Z', tags: ['x'] });
  const fine = await held({ tags: ['x'] });
  const foreign = await held({ tags: ['x'], from: `own@${tenant}.example` });
  const sent = await post({ tags: ['x'] });
  await untilState(service, queue, sent, 'sent');
  const orders = [
    { action: 'release' },
    { action: 'release', patch: { transport: 'none' } },
    { action: 'release', patch: { from: 'x@evil.example' } },
    { action: 'release', patch: { expiresAt: '2029-01-01T00:00:00Z' } },
    { action: 'hold' },
    { action: 'resolve', as: 'sent' },
    { action: 'send-now', patch: { transport: 'none' } },
    { action: 'resend' },
    { action: 'cancel' },
  ];
  for (const order of orders) {
    const tried = await bulk({ ...order, filter: { tag: 'x' }, dryRun: true });
    expect((await service.email(queue, fine)).state).toBe('held');
    expect(tried).toMatchObject({ matched: 4, done: 0 });
    if (order.patch === undefined && order.action !== 'resolve') continue;
    const real = await bulk({ ...order, filter: { tag: 'x' } });
    const told = ({ errors, changed, failed }: OperationBody) => ({ errors, changed, failed });
    expect([order, told(real)]).toEqual([order, told(tried)]);
    expect([order, real['changed']]).toEqual([order, 0]);
  }
  const states = Promise.all(
    [scheduled, fine, foreign, sent].map(async (id) => (await service.email(queue, id)).state),
  );
  expect(await states).toEqual(['scheduled', 'held', 'held', 'sent']);
  expect(await bulk({ action: 'release', filter: { tag: 'x' }, dryRun: true })).toMatchObject({
    changed: 2,
    failed: 2,
  });
  expect(await bulk({ action: 'cancel', filter: { tag: 'x' }, dryRun: true })).toMatchObject({ changed: 3, failed: 1 });
  expect(await bulk({ action: 'resend', filter: { tag: 'x' }, dryRun: true })).toMatchObject({ changed: 1, failed: 3 });
});

test('one operation goes over all queues of a tenant, several states, and no other tenant', async () => {
  const other = await setUpQueue(service, `${tenant}/shop`, smtp.port);
  const foreign = await setUpQueue(service, `${tenant}-x/app`, smtp.port);
  const ids = [await held({ tags: ['m'] }), await post({ sendAt: '2030-01-01T00:00:00Z', tags: ['m'] }, other.emails)];
  await post({ sendAt: '2030-01-01T00:00:00Z', tags: ['m'] }, foreign.emails);
  const path = `/v1/tenants/${tenant}/bulk`;
  const filter = { state: ['held', 'scheduled'], tag: 'm' };
  const tried = await bulk({ filter, action: 'send-now', dryRun: true }, path);
  expect(tried).toMatchObject({ tenant, matched: 2, changed: 2 });
  expect(tried).not.toHaveProperty('application');
  expect(tried.examples.map(({ id }) => id).sort()).toEqual([...ids].sort());
  expect(await bulk({ filter, action: 'send-now' }, path)).toMatchObject({ matched: 2, done: 2, failed: 0 });
  await untilState(service, queue, ids[0] ?? '', 'sent');
  await untilState(service, other.queue, ids[1] ?? '', 'sent');
  expect(await service.ok('GET', `/v1/queues/${foreign.queue}`)).toMatchObject({ counts: { scheduled: 1 } });
  const issue = async (scope: Record<string, unknown>) =>
    (await service.ok<{ key: string }>('POST', '/v1/keys', scope)).key;
  const all = { all: true, action: 'cancel' };
  for (const [scope, status] of [
    [{ role: 'sender', tenant }, 403],
    [{ role: 'admin', tenant, application: 'app' }, 404],
    [{ role: 'admin', tenant: `${tenant}-x` }, 404],
  ] as const) {
    const key = await issue(scope);
    expect([scope, (await service.call('POST', path, all, { key })).status]).toEqual([scope, status]);
  }
  const { entries } = await service.ok<{ entries: { what: string }[] }>('GET', `/v1/audit?tenant=${tenant}`);
  expect(entries.map(({ what }) => what)).toContain('bulk send-now');
});

test('operations are listed, newest first: of a queue those that were begun on it, of a tenant all, of others none', async () => {
  await setUpQueue(service, 'elsewhere/app', smtp.port);
  await setUpQueue(service, `${tenant}/second`, smtp.port);
  await held();
  const order = { filter: HELD, action: 'cancel' };
  const tried = await bulk({ ...order, dryRun: true });
  const done = await bulk(order);
  const whole = await bulk(order, `/v1/tenants/${tenant}/bulk`);
  const listed = async (path: string, key?: string) =>
    (await service.ok<{ operations: OperationBody[] }>('GET', `/v1${path}/operations`, undefined, key ? { key } : {}))
      .operations;
  const ids = async (path: string) => (await listed(path)).map(({ id }) => id);
  expect(await ids(`/tenants/${tenant}`)).toEqual([whole.id, done.id, tried.id]);
  expect(await ids(`/queues/${queue}`)).toEqual([done.id, tried.id]);
  expect(await ids(`/queues/${tenant}/second`)).toEqual([]);
  expect(await ids('/tenants/elsewhere')).toEqual([]);
  expect((await listed(`/queues/${queue}`))[0]).toEqual(await service.ok('GET', `/v1/operations/${done.id}`));
});
