// History and error log: found again, changed in bulk, changed many at a time.
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

interface OperationBody extends Record<string, unknown> {
  id: string;
  state: string;
  matched: number;
  done: number;
  failed: number;
}

let service: Service;
let smtp: SmtpServer;
let queue: string;
let emails: string;
let count = 0;

beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());
beforeEach(async () => {
  smtp = await startSmtpServer();
  ({ queue, emails } = await setUpQueue(service, `acme/app-${count++}`, smtp.port));
});
afterEach(() => smtp.close());

const counts = async () => (await service.ok<{ counts: Record<string, number> }>('GET', `/v1/queues/${queue}`)).counts;
const bulk = async (body: Record<string, unknown>): Promise<OperationBody> => {
  const { id } = await service.ok<OperationBody>('POST', `${emails}/bulk`, body);
  return eventually(async () => {
    const operation = await service.ok<OperationBody>('GET', `/v1/operations/${id}`);
    expect(operation.state).toBe('done');
    return operation;
  });
};

test('forty failed emails of a template are released in bulk with a patch', async () => {
  const template = '/v1/tenants/acme/templates/invoice';
  await service.ok('PUT', template, { subject: 'Invoice <%= it.number %>', text: 'Total <%= it.total %>' });
  const line = (n: number) => ({ to: [`r${n}@example.org`], template: 'invoice', data: { number: n } });
  await service.ok('POST', `${emails}/batch`, { emails: Array.from({ length: 40 }, (_, n) => line(n)) });
  const other = await service.ok<EmailBody>(
    'POST',
    emails,
    anEmail({ to: ['other@example.org'], expiresAfter: '1ms' }),
  );
  await eventually(async () => expect(await counts()).toMatchObject({ failed: 40, expired: 1 }));
  const [failed] = (await service.ok<{ emails: EmailBody[] }>('GET', `${emails}?state=failed`)).emails;
  expect(failed?.reason).toEqual({
    code: 'template-failed',
    text: expect.stringMatching(/template invoice, version 1, text, line 1, column 7.*it\.total/) as string,
  });

  const filter = { state: 'failed', template: 'invoice' };
  const dryRun = true;
  expect(await bulk({ filter, action: 'release', dryRun })).toMatchObject({ matched: 40, done: 0, changed: 40 });
  expect(await counts()).toMatchObject({ failed: 40 });
  await service.ok('PUT', template, { subject: 'Invoice <%= it.number %>', text: 'Total 9 EUR' });
  expect(await bulk({ filter, action: 'release', patch: { attempts: 2 } })).toMatchObject({
    matched: 40,
    done: 40,
    failed: 0,
  });
  await smtp.waitForMessages(40);
  await eventually(async () => expect(await counts()).toMatchObject({ sent: 40, failed: 0, expired: 1 }));
  expect(new Set(smtp.messages.map(({ to }) => to[0])).size).toBe(40);
  expect((await smtp.messages[0]?.parsed())?.text).toContain('9 EUR');
  expect((await service.email(queue, other.id)).state).toBe('expired');
  const broken = await bulk({ filter: { state: 'expired' }, action: 'release', patch: { transport: 'none' } });
  expect(broken).toMatchObject({
    matched: 1,
    done: 0,
    failed: 1,
    errors: [{ id: other.id, code: 'transport-unknown' }],
  });
});

test('a bulk operation cancels and deletes, and no other key sees it', async () => {
  const scheduled = Array.from({ length: 100 }, (_, n) =>
    anEmail({ to: [`s${n}@example.org`], sendAt: '2030-01-01T00:00:00Z', tags: ['mailing'] }),
  );
  await service.ok('POST', `${emails}/batch`, { emails: scheduled });
  const canceled = await bulk({ filter: { tag: 'mailing' }, action: 'cancel' });
  expect(canceled).toMatchObject({ matched: 100, done: 100 });
  expect(await counts()).toMatchObject({ canceled: 100, scheduled: 0 });
  await service.ok('PUT', '/v1/tenants/other', {});
  const { key } = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'admin', tenant: 'other' });
  expect((await service.call('GET', `/v1/operations/${canceled.id}`, undefined, { key })).status).toBe(404);
  expect(await bulk({ filter: { state: 'canceled' }, action: 'delete' })).toMatchObject({ done: 100 });
  expect((await service.ok<{ emails: unknown[] }>('GET', emails)).emails).toEqual([]);
});

test('recipients are found among 8,000 emails, exactly and by their beginning', async () => {
  await service.ok('POST', `/v1/queues/${queue}/pause`);
  const line = (n: number) => ({
    to: [`user${n}@example.org`],
    ...(n % 1_000 === 0 && { cc: ['Common <common@example.org>'] }),
  });
  for (let from = 0; from < 8_000; from += 4_000) {
    const batches = Array.from({ length: 4 }, (_, b) =>
      Array.from({ length: 1_000 }, (_, n) => line(from + b * 1_000 + n)),
    );
    await Promise.all(
      batches.map((lines) =>
        service.ok('POST', `${emails}/batch`, { emails: lines, defaults: { subject: 'x', text: 'x' } }),
      ),
    );
  }
  const find = async (recipient: string): Promise<EmailBody[]> => {
    const found: EmailBody[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const query: string = `recipient=${encodeURIComponent(recipient)}&limit=200${cursor && `&cursor=${cursor}`}`;
      const page: { emails: EmailBody[]; nextCursor: string | null } = await service.ok('GET', `${emails}?${query}`);
      found.push(...page.emails);
      cursor = page.nextCursor;
    }
    return found;
  };
  expect((await find('USER7777@example.org')).map(({ to }) => to)).toEqual([['user7777@example.org']]);
  expect(await find('user7@example.com')).toEqual([]);
  expect(await find('user777*')).toHaveLength(11);
  const common = await find('common@example.org');
  expect(common).toHaveLength(8);
  expect(common.map(({ id }) => id)).toEqual(
    common
      .map(({ id }) => id)
      .sort()
      .reverse(),
  );
});
