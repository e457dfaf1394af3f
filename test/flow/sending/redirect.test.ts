// A test system must never mail customers: every envelope goes to one address, whatever the email and its transport are.
import { untilState } from '../../support/emails';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';

let service: Service;
let smtp: SmtpServer;
let queue: string;
let emails: string;

beforeAll(async () => {
  service = await startService();
  smtp = await startSmtpServer();
  ({ queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, { redirectTo: 'test@acme.example' }));
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});

const send = async (changes: Record<string, unknown>) => {
  const { id } = await service.ok<EmailBody>('POST', emails, changes);
  const email = await untilState(service, queue, id, 'sent');
  const message = smtp.messages.at(-1);
  expect(message?.to).toEqual(['test@acme.example']);
  return { email, message: message?.raw.toString() ?? '' };
};

test('finished, complete and attached emails go to it, with their recipients in a field of their own', async () => {
  const forged = { 'X-Rohrpost-Original-To': 'eve@example.org' };
  const people = { to: ['Ann <ann@example.org>', 'bob@bücher.example'], bcc: ['secret@example.org'] };
  const { email, message } = await send(anEmail({ ...people, headers: forged }));
  expect(message).toMatch(
    /^X-Rohrpost-Original-To: ann@example\.org, bob@xn--bcher-kva\.example,\r\n secret@example\.org\r\n/,
  );
  expect(message).toMatch(/^To: Ann <ann@example.org>/m);
  expect(message).not.toContain('eve@');
  expect(email.attempts).toMatchObject([{ outcome: 'sent', redirectedTo: 'test@acme.example' }]);
  const raw = Buffer.from('From: a@acme.example\r\nTo: ann@example.org\r\nSubject: Hi\r\n\r\nHello\r\n').toString(
    'base64',
  );
  const complete = await send({ to: ['ann@example.org'], raw });
  expect(complete.message).toMatch(/^X-Rohrpost-Original-To: ann@example\.org\r\n/);
  const attachments = [{ filename: 'a.txt', content: Buffer.from('A').toString('base64') }];
  expect((await send(anEmail({ attachments }))).message).toMatch(/^X-Rohrpost-Original-To: ann@example\.org$/m);
  const count = smtp.messages.length;
  const many = Array.from({ length: 100 }, (_, n) => `r${n}@example.org`);
  await send(anEmail({ to: many }));
  expect(smtp.messages).toHaveLength(count + 1);
});

test('the suppression list is not asked, the fallback redirects too, and explain tells', async () => {
  await service.ok('PUT', '/v1/tenants/acme/suppressions/ann@example.org', {});
  await send(anEmail());
  const gone = await startSmtpServer();
  await gone.close();
  const transport = { host: '127.0.0.1', security: 'none' };
  await service.ok('PUT', '/v1/tenants/acme/transports/second', { ...transport, port: smtp.port });
  await service.ok('PUT', '/v1/tenants/acme/transports/default', { ...transport, port: gone.port, fallback: 'second' });
  const { email } = await send(anEmail({ to: ['carl@example.org'] }));
  expect(email.attempts).toMatchObject([{ transport: 'second', redirectedTo: 'test@acme.example' }]);
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail({ sendAt: '2030-01-01T00:00:00Z' }));
  const { reasons } = await service.ok<{ reasons: { code: string; text: string }[] }>('GET', `${emails}/${id}/explain`);
  expect(reasons).toContainEqual({ code: 'redirected', text: expect.stringContaining('test@acme.example') as string });
  const wrong = await service.call('PATCH', `/v1/queues/${queue}`, { redirectTo: 'everybody' });
  expect(wrong).toMatchObject({ status: 422, body: { errors: [{ path: '/redirectTo' }] } });
});
