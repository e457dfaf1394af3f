// Emails found by their recipients: as written, in every form of the address, by domain, by how it begins; never an empty list
// where the question cannot be answered.
import { startService, type EmailBody, type Service } from '../support/service';

let service: Service;
const EMAILS = '/v1/queues/acme/app/emails';
const ids = new Map<string, string>();

const RECIPIENTS = [
  'Ann+X@MÜLLER.example',
  'ann😀@example.org',
  'ann@a.example',
  'ann@b.example',
  'anna@a.example',
  'bob@sub.example.org',
  'bob@example.org',
  '"Lee, Ann" <lee@xn--mller-kva.example>',
];

beforeAll(async () => {
  service = await startService({ workers: 0 });
  await service.ok('PUT', '/v1/tenants/acme', {});
  await service.ok('PUT', '/v1/queues/acme/app', { from: 'a@acme.example', enabled: false });
  for (const to of RECIPIENTS)
    ids.set(to, (await service.ok<EmailBody>('POST', EMAILS, { to, subject: 's', text: 't' })).id);
});
afterAll(() => service.close());

const find = async (recipient: string, limit = 50): Promise<string[]> => {
  const found: EmailBody[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const query: string = `recipient=${encodeURIComponent(recipient)}&limit=${limit}${cursor && `&cursor=${cursor}`}`;
    const page: { emails: EmailBody[]; nextCursor: string | null } = await service.ok('GET', `${EMAILS}?${query}`);
    found.push(...page.emails);
    cursor = page.nextCursor;
  }
  return found.flatMap(({ id }) => [...ids].filter(([, known]) => known === id).map(([to]) => to));
};

test.each<[string, string[]]>([
  ['ann+x@müller.example', ['Ann+X@MÜLLER.example']],
  ['Ann <ann+x@müller.example>', ['Ann+X@MÜLLER.example']],
  ['ANN+X@XN--MLLER-KVA.example', ['Ann+X@MÜLLER.example']],
  ['ann+x@mü*', ['Ann+X@MÜLLER.example']],
  ['ann+x@müller.example*', ['Ann+X@MÜLLER.example']],
  ['ann+x@xn--mller-kva.exa*', ['Ann+X@MÜLLER.example']],
  ['ann+x*', ['Ann+X@MÜLLER.example']],
  ['*@müller.example', ['Ann+X@MÜLLER.example', '"Lee, Ann" <lee@xn--mller-kva.example>']],
  ['*@xn--mller-kva.example', ['Ann+X@MÜLLER.example', '"Lee, Ann" <lee@xn--mller-kva.example>']],
  ['*@example.org', ['ann😀@example.org', 'bob@example.org']],
  ['*@EXAMPLE.org', ['ann😀@example.org', 'bob@example.org']],
  ['ann😀@example.org', ['ann😀@example.org']],
  ['ann😀*', ['ann😀@example.org']],
  ['ann*', ['ann@a.example', 'anna@a.example', 'ann@b.example', 'ann😀@example.org', 'Ann+X@MÜLLER.example']],
  ['ann@*', ['ann@a.example', 'ann@b.example']],
  ['ann@b*', ['ann@b.example']],
  ['*@a.exa*', ['ann@a.example', 'anna@a.example']],
  ['nobody@example.org', []],
])('%s', async (recipient, wanted) => {
  for (const limit of [50, 1]) expect((await find(recipient, limit)).sort()).toEqual([...wanted].sort());
  if (recipient.includes('*')) return;
  const [id] = wanted.map((to) => ids.get(to));
  const { emails } = await service.ok<{ emails: EmailBody[] }>(
    'GET',
    `${EMAILS}?recipient=${encodeURIComponent(recipient)}&state=queued`,
  );
  expect(emails.map((email) => email.id)).toEqual(id === undefined ? [] : [id]);
});

test('every email is in the list of all, by address, once', async () => {
  for (const limit of [1, 3, 50]) expect((await find('*', limit)).sort()).toEqual([...RECIPIENTS].sort());
});

test.each([
  '*ann',
  'a*n@example.org',
  '*@exa*mple',
  '**',
  '*@',
  'ann',
  'ann@',
  '@example.org',
  'Ann <ann*>',
  'ann@xn--ml*',
])('%s is told to be no question', async (recipient) => {
  const answer = await service.call('GET', `${EMAILS}?recipient=${encodeURIComponent(recipient)}`);
  expect(answer).toMatchObject({ status: 422, body: { errors: [{ path: '/recipient' }] } });
});

test.each(['ann+x*', 'ann+x@m%C3%BCller.example', 'ann+x@example.org'])(
  '?recipient=%s says what + is',
  async (query) => {
    const answer = await service.call<{ detail: string }>('GET', `${EMAILS}?recipient=${query}`);
    expect([answer.status, answer.body.detail]).toEqual([422, expect.stringContaining('%2B')]);
  },
);

test.each(['template=a%20b', 'template=', 'tag=', 'state=new', 'state=', 'since=today'])('?%s', async (query) => {
  expect((await service.call('GET', `${EMAILS}?${query}`)).status).toBe(422);
});

test('one that was corrected is found by its old addresses, too, until it is erased', async () => {
  const { id } = await service.ok<EmailBody>('POST', EMAILS, { to: 'old@x.example', subject: 's', text: 't' });
  ids.set('corrected', id);
  await service.ok('PATCH', `${EMAILS}/${id}`, { to: ['new@y.example'] });
  await service.ok('PATCH', `${EMAILS}/${id}`, { to: ['newest@y.example'], subject: 'S' });
  for (const recipient of ['old@x.example', 'new@y.example', 'newest@y.example', '*@x.example', 'old*'])
    expect(await find(recipient)).toEqual(['corrected']);
  expect(await service.email('acme/app', id)).toMatchObject({ to: ['newest@y.example'] });
  await service.ok('PATCH', `${EMAILS}/${id}`, { to: ['old@x.example'] });
  expect(await find('*@x.example')).toEqual(['corrected']);
  await service.ok('DELETE', `${EMAILS}/${id}`);
  for (const recipient of ['old@x.example', 'new@y.example', '*@x.example', 'old*', '*@y.example'])
    expect(await find(recipient)).toEqual([]);
});
