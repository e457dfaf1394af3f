// An idle queue whose history is over: gone, with index entries and contents; Redis and the store are as before.
import { showTable } from '../../support/fault';
import { anEmail, setUpQueue, startService, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;
let queue: string;
let emails: string;

beforeAll(async () => {
  service = await startService();
  smtp = await startSmtpServer();
  ({ queue, emails } = await setUpQueue(service, 'acme/app', smtp.port));
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});

const counts = async () => (await service.ok<{ counts: Record<string, number> }>('GET', `/v1/queues/${queue}`)).counts;

test('kept for their days, then gone: Redis and the store are as they were before', async () => {
  const redis = await service.redis.connect();
  const keys = async (): Promise<string[]> => {
    const all = (await redis.call('KEYS', `*${queue.replace('/', '.')}*`)) as string[];
    // What says of an email only that it once was lives 25 h; BullMQ's own counters and the statistics belong to the queue.
    return all
      .filter((key) => !/:(gone:m_\w+|id|pc|events|meta|stalled-check|marker|rp:tallies:\w+)$/.test(key))
      .sort();
  };
  const contents = async (): Promise<string[]> => (await redis.call('KEYS', '*{sha256-*')) as string[];
  const before = { keys: await keys(), contents: await contents() };
  await service.ok('PUT', `/v1/queues/${queue}`, {
    from: 's@acme.example',
    history: { days: 0.00002 },
    errors: { days: 0.00002 },
  });
  smtp.setScript({ rcpt: ({ recipient }) => (recipient?.startsWith('bad') ? '550 5.1.1 no' : undefined) });
  const attachments = [{ filename: 'a.txt', content: Buffer.from('attachment').toString('base64') }];
  for (const to of ['good@example.org', 'bad@example.org']) {
    await service.ok('POST', emails, anEmail({ to: [to], attachments, html: `<p>${'z'.repeat(20_000)}</p>` }));
  }
  await eventually(async () => expect(await counts()).toMatchObject({ sent: 1, failed: 1 }));
  expect((await keys()).length).toBeGreaterThan(before.keys.length);
  await eventually(async () => expect({ keys: await keys(), contents: await contents() }).toEqual(before), {
    timeout: 20_000,
  });
  showTable('retention', [
    {
      'keys before': before.keys.length,
      'keys after': (await keys()).length,
      'contents after': (await contents()).length,
    },
  ]);
  expect(await counts()).toMatchObject({ sent: 0, failed: 0 });
  redis.disconnect();
});
