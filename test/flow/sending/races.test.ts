// Corrections against workers: what was sent is what the API said.
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;

beforeAll(async () => {
  smtp = await startSmtpServer();
  service = await startService({ workers: 2 });
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});

test('a thousand corrections race with workers: sent is the corrected one, or the caller was told', async () => {
  const { queue, emails } = await setUpQueue(service, 'acme/race', smtp.port);
  const answers = new Map<string, number>();
  const race = async (n: number): Promise<void> => {
    const { id } = await service.ok<EmailBody>('POST', emails, anEmail({ subject: `old ${n}` }));
    // Some corrections come at once, some when a worker is likely to have begun.
    if (n % 3 !== 0) await service.email(queue, id);
    const { status } = await service.call('PATCH', `${emails}/${id}`, { subject: `new ${n}` });
    answers.set(`${n}`, status);
  };
  for (let from = 0; from < 1_000; from += 50) await Promise.all(Array.from({ length: 50 }, (_, n) => race(from + n)));
  await eventually(
    async () => expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ counts: { sent: 1_000 } }),
    { timeout: 30_000 },
  );

  expect(smtp.messages).toHaveLength(1_000);
  const wrong: string[] = [];
  for (const message of smtp.messages) {
    const [, word = '', n = ''] = /^Subject: (old|new) (\d+)/m.exec(message.raw.toString()) ?? [];
    const status = answers.get(n);
    if (word === 'new' ? status !== 200 : status !== 409) wrong.push(`${word} ${n}: ${status}`);
  }
  expect(wrong).toEqual([]);
  const told = [...answers.values()];
  // Without both endings there was no race.
  expect(told.filter((status) => status === 200).length).toBeGreaterThan(0);
  expect(told.filter((status) => status === 409).length).toBeGreaterThan(0);
});

test('a cancel that was answered by 200 is never delivered', async () => {
  smtp.messages.length = 0;
  const { queue, emails } = await setUpQueue(service, 'acme/cancel', smtp.port);
  const canceled = new Set<string>();
  const race = async (n: number): Promise<void> => {
    const { id } = await service.ok<EmailBody>('POST', emails, anEmail({ to: [`r${n}@example.org`] }));
    if (n % 2 === 0) await service.email(queue, id);
    if ((await service.call('POST', `${emails}/${id}/cancel`)).status === 200) canceled.add(`r${n}@example.org`);
  };
  for (let from = 0; from < 500; from += 50) await Promise.all(Array.from({ length: 50 }, (_, n) => race(from + n)));
  await eventually(async () =>
    expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({
      counts: { sent: 500 - canceled.size, canceled: canceled.size, queued: 0 },
    }),
  );
  expect(canceled.size).toBeGreaterThan(0);
  expect(smtp.messages.filter(({ to }) => canceled.has(to[0] ?? ''))).toEqual([]);
});
