// What waits, or is held, is found at once beside an error log that is too large to be looked through for each page.
import { aBatch } from '../support/emails';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../support/service';
import { eventually } from '../support/wait';

/** More than a list sorts whole (libs/jobs/read/sources.ts). */
const CANCELED = 5_500;
const BATCH = 500;

let service: Service;

beforeAll(async () => {
  service = await startService({ workers: 0 });
});
afterAll(() => service.close());

test('the first page of what is scheduled or held has both, however many were canceled since', async () => {
  const { emails, queue } = await setUpQueue(service, 'acme/app', 1);
  const post = async (changes: Record<string, unknown> = {}): Promise<string> =>
    (await service.ok<EmailBody>('POST', emails, anEmail(changes))).id;
  const held = await post();
  await service.ok('POST', `${emails}/${held}/hold`);
  const scheduled = await post({ sendAt: '2037-01-01T00:00:00Z' });
  for (let from = 0; from < CANCELED; from += BATCH) await service.ok('POST', `${emails}/batch`, aBatch(from, BATCH));
  await service.ok('POST', `${emails}/bulk`, { filter: { state: 'queued' }, action: 'cancel' });
  await eventually(
    async () => {
      const { counts } = await service.ok<{ counts: Record<string, number> }>('GET', `/v1/queues/${queue}`);
      expect(counts).toMatchObject({ canceled: CANCELED, held: 1, scheduled: 1 });
    },
    { timeout: 60_000 },
  );
  for (const path of [emails, '/v1/tenants/acme/emails']) {
    const page = await service.ok<{ emails: EmailBody[]; nextCursor: string | null }>(
      'GET',
      `${path}?state=scheduled,held`,
    );
    expect([page.emails.map(({ id }) => id), page.nextCursor]).toEqual([[scheduled, held], null]);
  }
});
