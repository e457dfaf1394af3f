// A template's life: put by the tenant, made of others, checked, compared, made current again, and rendered at its time.
import { setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;
let emails: string;
let key: string;
const TEMPLATES = '/v1/tenants/acme/templates';

beforeAll(async () => {
  service = await startService();
  smtp = await startSmtpServer();
  ({ emails } = await setUpQueue(service, 'acme/app', smtp.port));
  await setUpQueue(service, 'other/app', smtp.port);
  ({ key } = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'admin', tenant: 'acme' }));
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});

const put = (name: string, body: unknown) => service.call('PUT', `${TEMPLATES}/${name}`, body, { key });
/** The same, which must be taken. */
const given = (name: string, body: unknown) => service.ok('PUT', `${TEMPLATES}/${name}`, body, { key });
const render = (name: string, data: unknown = {}) =>
  service.call<Record<string, string>>('POST', `${TEMPLATES}/${name}/render`, { data }, { key });
const post = async (body: Record<string, unknown>): Promise<EmailBody> => {
  const { id } = await service.ok<EmailBody>('POST', emails, { to: ['ann@example.org'], ...body });
  return eventually(async () => {
    const email = await service.email('acme/app', id);
    if (!['sent', 'failed'].includes(email.state)) throw new Error(email.state);
    return email;
  });
};

test('templates are made of others by name: includes, a layout of their own, a layout of Eta, names from the data', async () => {
  await given('header', { html: '<h1><%= it.title %></h1>', text: '== <%= it.title %> ==' });
  await given('frame', {
    html: '<body><%~ include("header") %><%~ it.body %><p><%~ block("foot", () => { %>none<% }) %></p></body>',
  });
  await given('row-a', { html: '<i><%= it.one %></i>' });
  await given('row-b', { html: '<b><%= it.one %></b>' });
  await given('order', {
    subject: '<%= it.title %> & more',
    html: '<% for (const one of it.list) { %><%~ include("row-" + it.kind, { one }) %><% } %>',
    text: '<%~ include("header") %>\n<%= it.list.join(", ") %>',
    layout: 'frame',
  });
  await given('letter', {
    subject: 'Hi',
    html: '<% layout("frame") %><% block("foot", () => { %>own foot<% }) %>Dear <%= it.title %>',
  });
  const data = { title: 'A<B', list: [1, 2], kind: 'b' };
  expect((await render('order', data)).body).toEqual({
    subject: 'A<B & more',
    html: '<body><h1>A&lt;B</h1><b>1</b><b>2</b><p>none</p></body>',
    text: '== A<B ==\n1, 2',
    templateVersion: 1,
  });
  expect((await render('order', { ...data, kind: 'a' })).body).toMatchObject({
    html: expect.stringContaining('<i>1</i>') as string,
  });
  expect((await render('letter', data)).body['html']).toBe('<body><h1>A&lt;B</h1>Dear A&lt;B<p>own foot</p></body>');
  // What is included is the present version of it.
  await given('row-b', { html: '<u><%= it.one %></u>' });
  await eventually(async () => expect((await render('order', data)).body['html']).toContain('<u>1</u><u>2</u>'));
});

test.each([
  ['Dear\n<%= it.name %>\nThank you\n', 'Dear\nAnn\nThank you\n'],
  ['<% if (it.name) { %>\nA\r\n<% } %>\nB', '\nA\n\nB'],
  ['<% if (it.name) { -%>\nA\n<% } -%>\nB', 'A\nB'],
  ['A\n\n  <%_ if (it.name) { _%>  \n\n B<%~ it.name -%>\r\nC\n<%- } %>', 'ABAnnC'],
])('line breaks behind tags stay as they are written, unless the tag takes them away: %j', async (source, made) => {
  await given('breaks', { subject: 'S', html: source, text: source });
  expect((await render('breaks', { name: 'Ann' })).body).toMatchObject({ text: made, html: made });
});

test('a subject of more than one line tells where, and what to do', async () => {
  const subject = '<% if (it.urgent) { %>\nUrgent:\n<% } %> Invoice\r\n<%= it.number %>';
  await given('lines', { subject, text: 'x' });
  const place = { template: 'lines', version: 1, part: 'subject' };
  expect(await render('lines', { number: 1 })).toMatchObject({
    status: 422,
    body: { code: 'template-failed', ...place, line: 3, column: 16, detail: expect.stringContaining('-%>') as string },
  });
  expect(await render('lines', { urgent: true, number: 1 })).toMatchObject({ body: { line: 2, column: 8 } });
  await given('lines', { subject: '\n<% if (it.number) { %>\nInvoice <%= it.number %>\n<% } %>\n', text: 'x' });
  expect((await render('lines', { number: 1 })).body['subject']).toBe('Invoice 1');
  expect((await render('lines', { number: 1, more: '\n' })).body['subject']).toBe('Invoice 1');
  const { reason } = await post({ template: 'lines', data: { number: 'a\rb' } });
  expect(reason).toEqual({
    code: 'template-failed',
    text: expect.stringMatching(
      /template lines, version 2, subject, line 3, column 9: the value has .*it\.number$/,
    ) as string,
  });
});

test('html of which no text can be made is sent without one, and nobody is held up', async () => {
  const shapes = {
    deep: `${'<div>'.repeat(10_000)}x${'</div>'.repeat(10_000)}`,
    large: `<table>${'<tr><td>cell one</td><td>cell <b>two</b></td></tr>\n'.repeat(40_000)}</table>`,
    unclosed: `${'<table><tr><td>'.repeat(5_000)}x`,
    bold: `${'<b>'.repeat(50_000)}x`,
    lists: `${'<ul><li>'.repeat(1_000)}${'word '.repeat(20_000)}`,
    quotes: '<blockquote>'.repeat(3_000),
    breaks: '<br>'.repeat(250_000),
    entities: '&amp;'.repeat(200_000),
  };
  const made = await Promise.all(Object.values(shapes).map((html) => post({ subject: 'S', html })));
  expect(made.map(({ state, reason }) => ({ state, reason }))).toEqual(made.map(() => ({ state: 'sent' })));
  await given('deep', { subject: 'S', html: '<%~ it.html %>' });
  expect(await post({ template: 'deep', data: { html: shapes.deep } })).toMatchObject({ state: 'sent' });
  const preview = await render('deep', { html: shapes.deep });
  expect(preview).toMatchObject({ status: 200, body: { html: shapes.deep, text: '' } });
  const [first] = smtp.messages.filter(({ raw }) => raw.includes('<div><div>'));
  expect(first?.raw.toString()).toMatch(/^Content-Type: text\/html/m);
});

test('styles that are too many for their elements are refused before they are inlined, with their numbers', async () => {
  const rules = '<style>p{<% for (let n = 0; n < it.rules; n++) { %>--a<%= n %>:1;<% } %>}</style>';
  const html = `${rules}<%~ '<p></p>'.repeat(it.elements) %>`;
  await given('styled', { subject: 'S', html, text: 'x', inlineCss: true });
  expect(await render('styled', { rules: 20_000, elements: 20_000 })).toMatchObject({
    status: 422,
    body: {
      code: 'template-failed',
      template: 'styled',
      detail: expect.stringMatching(/20001 declarations for 20001 elements.*Take out rules/) as string,
    },
  });
  const email = await post({ template: 'styled', data: { rules: 20_000, elements: 20_000 }, attempts: 1 });
  expect(email).toMatchObject({ state: 'failed', reason: { code: 'template-failed' } });
  expect((await render('styled', { rules: 20, elements: 1_000 })).status).toBe(200);
});

test('html nested too deep for inlineCss fails the email, and never the process', async () => {
  await given('deepest', { subject: 'S', html: '<%~ it.html %>', text: 'x', inlineCss: true });
  const failed = {
    status: 422,
    body: { code: 'template-failed', detail: expect.stringContaining('inlineCss') as string },
  };
  expect(await render('deepest', { html: '<table><tr><td>'.repeat(2_000) })).toMatchObject(failed);
  const selector = `${':not('.repeat(20_000)}a${')'.repeat(20_000)}`;
  expect(await render('deepest', { html: `<style>${selector}{color:red}</style>` })).toMatchObject(failed);
  const { html } = (await render('deepest', { html: '<style>p{color:red}</style><p>x</p>' })).body;
  expect(html).toContain('<p style="color: red;">');
});

test('names reach the own tenant only, and a fault in what is included has its place there', async () => {
  await service.ok('PUT', '/v1/tenants/other/templates/secret', { subject: 'S', html: 'of the other tenant' });
  for (const name of ['secret', 'other/secret', '../other/templates/secret', '/etc/passwd', '']) {
    await given('thief', { subject: 'S', html: `x\n<%~ include(${JSON.stringify(name)}) %>` });
    const answer = await eventually(async () => {
      const found = await render('thief');
      expect(found.body['detail']).toContain(name === '' ? 'more than 20 deep' : `no template ${name}`);
      return found;
    });
    expect(answer).toMatchObject({ status: 422, body: { code: 'template-failed', line: 2, column: 1 } });
  }
  await given('inner', { html: 'one\n  <%= it.none %>' });
  await given('outer', { subject: 'S', html: '<%~ include("inner") %>' });
  expect(await render('outer')).toMatchObject({
    status: 422,
    body: { code: 'template-failed', template: 'inner', version: 1, part: 'html', line: 2, column: 3 },
  });
});

test('a part for others is no email', async () => {
  await given('part', { html: 'x' });
  const answer = await service.call('POST', emails, { to: ['ann@example.org'], template: 'part' });
  expect(answer).toMatchObject({ status: 422, body: { code: 'invalid', errors: [{ path: '/template' }] } });
});

test('code that no template needs is refused when it comes, with its place', async () => {
  expect(await put('bad', { subject: 'S', html: 'a\n <%= process.env %>', text: '<% class X {} %>' })).toMatchObject({
    status: 422,
    body: {
      code: 'template-syntax',
      line: 2,
      column: 6,
      errors: [{ path: '/html' }, { path: '/text', message: expect.stringContaining('class') as string }],
    },
  });
});

test('an email keeps the version that it was sent with', async () => {
  await given('kept', { subject: 'One', text: 'One' });
  const first = await post({ template: 'kept' });
  await given('kept', { subject: 'Two', text: 'Two' });
  const second = await eventually(async () => {
    const email = await post({ template: 'kept' });
    expect(email.attempts).toMatchObject([{ templateVersion: 2 }]);
    return email;
  });
  const pinned = await post({ template: { name: 'kept', version: 1 } });
  expect([first, second, pinned].map(({ attempts }) => attempts.at(-1))).toMatchObject([
    { templateVersion: 1 },
    { templateVersion: 2 },
    { templateVersion: 1 },
  ]);
});

test('versions are compared, and an old one is made current again', async () => {
  await given('story', { subject: 'S', html: '<p>\nOld\n</p>', inlineCss: true });
  await given('story', { subject: 'S', html: '<p>\nNew\n</p>', text: 'Now with text' });
  const diff = await service.ok<{ diffs: Record<string, string> }>('GET', `${TEMPLATES}/story/compare?from=1&to=2`);
  expect(Object.keys(diff.diffs).sort()).toEqual(['html', 'inlineCss', 'text']);
  expect(diff.diffs['html']).toContain('-Old\n+New');
  expect(await service.ok('GET', `${TEMPLATES}/story/compare?from=2`)).toMatchObject({ from: 2, to: 2, diffs: {} });
  const restored = await service.call('POST', `${TEMPLATES}/story/versions/1/restore`, undefined, { key });
  expect(restored).toMatchObject({ status: 201, body: { version: 3, html: '<p>\nOld\n</p>', inlineCss: true } });
  expect(restored.body).not.toHaveProperty('text');
  expect((await service.call('POST', `${TEMPLATES}/story/versions/9/restore`, undefined, { key })).status).toBe(404);
  expect((await service.call('GET', `${TEMPLATES}/story/compare?from=x`)).status).toBe(422);
  for (const path of ['templates/story', 'transports/default'])
    expect((await service.call('GET', `/v1/tenants/acme/${path}%2Fx`)).status).toBe(404);
});

test('versions say who put them', async () => {
  await given('signed', { subject: 'S', text: 'one' });
  await service.ok('PUT', `${TEMPLATES}/signed`, { subject: 'S', text: 'two' }, { key });
  const { versions } = await service.ok<{ versions: { by: string }[] }>('GET', `${TEMPLATES}/signed/versions`);
  expect(versions.map(({ by }) => by)).toEqual([expect.stringMatching(/^admin [0-9a-f]{12}/), expect.any(String)]);
  const present = await service.ok('GET', `${TEMPLATES}/signed`);
  expect(present['by']).toBe(versions[0]?.by);
  // What GET answered can be put again, and changes nothing.
  expect(await service.call('PUT', `${TEMPLATES}/signed`, present)).toMatchObject({ status: 200 });
});

test('a draft is rendered without being put, and faults in it have their place', async () => {
  await given('drafted', { subject: 'S', text: 'stored' });
  const path = `${TEMPLATES}/drafted/draft`;
  const draft = (text: string, more: object = {}) => ({ template: { subject: 'Hi <%= it.name %>', text, ...more } });
  for (const word of ['one', 'two'])
    expect(await service.ok('POST', path, { ...draft(word), data: { name: 'Ann' } }, { key })).toEqual({
      subject: 'Hi Ann',
      text: word,
    });
  expect((await service.ok('GET', `${TEMPLATES}/drafted`))['text']).toBe('stored');
  expect(await service.call('POST', path, draft('one\n<%= it. %>'), { key })).toMatchObject({
    status: 422,
    body: { code: 'template-syntax', line: 2, errors: [{ path: '/text' }] },
  });
  expect(
    await service.call('POST', path, { ...draft('\n<%= it.a.b %>'), data: { name: 'Ann' } }, { key }),
  ).toMatchObject({
    status: 422,
    body: { code: 'template-failed', part: 'text', line: 2 },
  });
  const reader = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'reader', tenant: 'acme' });
  expect((await service.call('POST', path, draft('x'), { key: reader.key })).status).toBe(403);
});

const SCHEMA = {
  type: 'object',
  required: ['customer'],
  properties: { customer: { $ref: '#/$defs/person' }, code: { type: 'string', pattern: '^(a+)+$' } },
  $defs: { person: { type: 'object', required: ['name'], properties: { name: { type: 'string', minLength: 1 } } } },
};

test('data are held against the schema when they come, and again at their time', async () => {
  await given('strict', { subject: 'S', text: 'Dear <%= it.customer.name %>', schema: SCHEMA });
  const send = (data: unknown) =>
    service.call<EmailBody>('POST', emails, { to: ['ann@example.org'], template: 'strict', data });
  expect(await send({ customer: { name: 7 } })).toMatchObject({
    status: 422,
    body: { code: 'data-invalid', errors: [{ path: '/data/customer/name' }] },
  });
  expect((await send({ customer: { name: 'Ann' } })).status).toBe(202);
  // The schema may be another one by the time that it is sent.
  const sendAt = new Date(Date.now() + 1_500).toISOString();
  const { id } = await service.ok<EmailBody>('POST', emails, {
    to: ['ann@example.org'],
    template: 'strict',
    data: { customer: { name: 'Ann' } },
    sendAt,
  });
  await given('strict', { subject: 'S', text: 'Dear', schema: { ...SCHEMA, required: ['customer', 'number'] } });
  const late = await eventually(async () => {
    const email = await service.email('acme/app', id);
    expect(email.state).toBe('failed');
    return email;
  });
  expect(late.reason).toEqual({ code: 'data-invalid', text: expect.stringContaining('number') as string });
});

test('a hostile schema stops nobody', async () => {
  await given('slow', { subject: 'S', text: 'x', schema: SCHEMA });
  const body = {
    to: ['ann@example.org'],
    template: 'slow',
    data: { customer: { name: 'x' }, code: `${'a'.repeat(60)}!` },
  };
  const [slow, quick] = await Promise.all([service.call('POST', emails, body), service.call('GET', '/livez')]);
  expect(quick.status).toBe(200);
  expect(slow).toMatchObject({ status: 422, body: { code: 'data-invalid' } });
  expect(await put('endless', { subject: 'S', text: 'x', schema: { $ref: '#' } })).toMatchObject({ status: 201 });
  expect((await render('endless')).body).toMatchObject({ code: 'data-invalid' });
});

test.each<[string, unknown, string]>([
  ['a misspelt keyword', { type: 'object', propertys: {} }, '/schema/propertys'],
  ['a foreign reference', { $ref: 'https://schemas.example/x' }, '/schema/$ref'],
  ['a reference to nothing', { $ref: '#/$defs/none' }, '/schema/$ref'],
  ['a wrong type', { properties: { a: { type: 'text' } } }, '/schema/properties/a/type'],
  ['a broken pattern', { properties: { a: { pattern: '(' } } }, '/schema/properties/a/pattern'],
])('a schema with %s is refused', async (_name, schema, path) => {
  const answer = await put('schema', { subject: 'S', text: 'x', schema });
  expect(answer).toMatchObject({ status: 422, body: { code: 'invalid' } });
  expect(JSON.stringify(answer.body['errors'])).toContain(`"${path}"`);
});

test('emails of others go out while a hostile template is sent again and again', async () => {
  await given('bomb', { subject: 'S', text: '<% const s = "x".repeat(1e6); for (;;) s.toUpperCase() %>' });
  const bombs = await Promise.all(
    Array.from({ length: 4 }, () => service.ok<EmailBody>('POST', emails, { to: ['b@example.org'], template: 'bomb' })),
  );
  const { emails: others } = await setUpQueue(service, 'good/app', smtp.port);
  await service.ok('PUT', '/v1/tenants/good/templates/hello', { subject: 'Hi', text: 'Hi <%= it.name %>' });
  const { id } = await service.ok<EmailBody>('POST', others, {
    to: ['a@example.org'],
    template: 'hello',
    data: { name: 'Ann' },
  });
  await eventually(async () => expect((await service.email('good/app', id)).state).toBe('sent'));
  const last = await service.email('acme/app', bombs.at(-1)?.id ?? '');
  expect(last.state).not.toBe('failed');
  for (const bomb of bombs) {
    // Together they use up 5 s of CPU, one after the other: four times two tries of 600 ms, each in a thread of its own.
    const email = await eventually(
      async () => {
        const found = await service.email('acme/app', bomb.id);
        expect(found.state).toBe('failed');
        return found;
      },
      { timeout: 40_000 },
    );
    expect(email.reason).toEqual({
      code: 'template-failed',
      text: expect.stringContaining('longer than 250 ms') as string,
    });
  }
});

test('with trusted templates only the operator may put any, and /readyz says so', async () => {
  const open = await startService({ workers: 0, api: { render: { threads: 2, trusted: true } } });
  await open.ok('PUT', '/v1/tenants/acme', {});
  const { key: admin } = await open.ok<{ key: string }>('POST', '/v1/keys', { role: 'admin', tenant: 'acme' });
  const body = { subject: 'S', text: '<%= formatNumber(1234.5, { locale: "de" }) %> <%= typeof process %>' };
  expect((await open.call('PUT', `${TEMPLATES}/a`, body, { key: admin })).status).toBe(403);
  expect((await open.call('PUT', `${TEMPLATES}/a`, body)).status).toBe(201);
  expect((await open.ok<{ text: string }>('POST', `${TEMPLATES}/a/render`, {})).text).toBe('1.234,5 object');
  expect(await open.ok('GET', '/readyz')).toMatchObject({ templates: 'trusted' });
  expect(await service.ok('GET', '/readyz')).toMatchObject({ templates: 'sandboxed' });
  await open.close();
});
