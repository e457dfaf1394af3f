// What emails said goes before the rest of them does: out of Redis and out of the store, and nobody makes anything of it any more.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { untilState } from '../../support/emails';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;
let queue: string;
let emails: string;

beforeAll(async () => {
  service = await startService();
  smtp = await startSmtpServer({
    script: { rcpt: ({ recipient = '' }) => (recipient.startsWith('no') ? '550 5.1.1 nobody' : undefined) },
  });
  const settings = { contentDays: 2 / 86_400, archive: true };
  ({ queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, settings));
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});

const wiped = (id: string): Promise<EmailBody> =>
  eventually(
    async () => {
      const email = await service.email(queue, id);
      expect(email['content']).toBe('wiped');
      return email;
    },
    { timeout: 15_000 },
  );

const contents = async (): Promise<string[]> => {
  const all = await readdir(join(service.dataDir, 'content', 'sha256'), { recursive: true, withFileTypes: true });
  return all.filter((entry) => entry.isFile()).map(({ name }) => name);
};

test('sent and failed emails lose what they said, keep what became of them, and are not sent again', async () => {
  const secret = 'SECRET-WORD';
  const attachments = [{ filename: 'a.txt', content: Buffer.from(secret.repeat(9)).toString('base64') }];
  const letter = {
    subject: secret,
    text: `${secret} `.repeat(20_000),
    html: secret,
    headers: { 'X-A': secret },
    attachments,
  };
  const post = async (more: object): Promise<string> =>
    (await service.ok<EmailBody>('POST', emails, anEmail({ ...letter, ...more }))).id;
  const sent = await post({ tags: ['t'], sendAt: new Date(Date.now() + 60_000).toISOString() });
  await service.ok('PATCH', `${emails}/${sent}`, { subject: `${secret} corrected`, sendAt: null });
  const failed = await post({ to: ['no@example.org'] });
  const held = await post({ sendAt: '2030-01-01T00:00:00Z' });
  await service.ok('POST', `${emails}/${held}/hold`);
  await untilState(service, queue, sent, 'sent');
  await untilState(service, queue, failed, 'failed');
  const [first, second] = [await wiped(sent), await wiped(failed)];
  expect(first).toMatchObject({
    state: 'sent',
    to: ['Ann <ann@example.org>'],
    tags: ['t'],
    attempts: [{ outcome: 'sent' }],
  });
  expect(second).toMatchObject({ state: 'failed', reason: { code: 'refused' } });
  expect(JSON.stringify([first, second])).not.toContain(secret);
  const redis = await service.redis.connect();
  for (const id of [sent, failed]) {
    const job = `rohrpost:{acme.app}:acme.app:${id}`;
    const kept = JSON.stringify([await redis.hgetall(job), await redis.lrange(`${job}:logs`, 0, -1)]);
    expect(kept).not.toContain(secret);
  }
  redis.disconnect();

  const refused = { status: 409, body: { code: 'content-wiped' } };
  expect(await service.call('POST', `${emails}/${sent}/resend`, {})).toMatchObject(refused);
  expect(await service.call('POST', `${emails}/${failed}/release`)).toMatchObject(refused);
  expect(await service.call('POST', `${emails}/${failed}/send-now`)).toMatchObject(refused);
  expect(await service.call('PATCH', `${emails}/${failed}`, { to: ['ann@example.org'] })).toMatchObject(refused);
  for (const what of ['content', 'message'])
    expect(await service.call('GET', `${emails}/${sent}/${what}`)).toMatchObject(refused);

  // What waits for a person keeps what it says, with its contents; nothing else is left in the store.
  expect(await service.email(queue, held)).toMatchObject({ subject: secret });
  await service.ok('DELETE', `${emails}/${held}`);
  await eventually(async () => expect(await contents()).toEqual([]));
});
