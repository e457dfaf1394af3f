// The whole way of large parts and attachments with a bucket of S3 as the content store.
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startS3Server, type S3Server } from '../../support/s3/s3-server';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';
import { heldFetch } from '../../support/http/held-fetch';

let folder: string;
let s3: S3Server;
let service: Service;
let smtp: SmtpServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rohrpost-s3-'));
  s3 = await startS3Server(folder);
  smtp = await startSmtpServer();
  service = await startService({ api: { s3: s3.place }, worker: { s3: s3.place } });
});
afterAll(async () => {
  await service.close();
  await smtp.close();
  await rm(folder, { recursive: true, force: true });
});

/** Contents in the bucket, as the server keeps them in its folder. */
const objects = async (): Promise<number> => {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  return files.filter(({ name }) => name.endsWith('_object') && !name.startsWith('epoch')).length;
};

test('what is uploaded, attached or large lies in the bucket, is sent from there, and goes when the email goes', async () => {
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, { history: { days: 0 }, enabled: false });
  const [small, large] = [randomBytes(1_000), randomBytes(3_000_000)];
  const uploaded = await heldFetch(`${service.url}/v1/queues/${queue}/content`, {
    method: 'POST',
    headers: { authorization: `Bearer ${OPERATOR_KEY}` },
    body: large,
  });
  const { contentId } = (await uploaded.json()) as { contentId: string };
  const attachments = [
    { filename: 'small.bin', content: small.toString('base64') },
    { filename: 'large.bin', contentId },
  ];
  const html = `<p>${'long '.repeat(10_000)}</p>`;
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail({ html, attachments }));
  expect(await objects()).toBe(3);
  expect(await service.ok('GET', `${emails}/${id}/content`)).toMatchObject({ html });
  await service.ok('POST', `/v1/queues/${queue}/resume`);
  const [mail] = await smtp.waitForMessages(1);
  const parsed = await mail?.parsed();
  const same = [small, large].map((bytes, index) => parsed?.attachments[index]?.content.equals(bytes));
  expect(same).toEqual([true, true]);
  // The upload itself stays for a day: another email may name it.
  await eventually(async () => expect(await objects()).toBe(1));
  expect((await service.call('GET', `${emails}/${id}`)).status).toBe(404);
});

test('while the bucket cannot be reached nothing is accepted by halves: 503, and the email is not there', async () => {
  const { queue, emails } = await setUpQueue(service, 'acme/away', smtp.port, { enabled: false });
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail());
  await s3.close();
  const attachments = [{ filename: 'a', content: 'YQ==' }];
  const answer = await service.call('POST', emails, anEmail({ attachments }));
  expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' } });
  expect(answer.headers.get('retry-after')).toBeTruthy();
  const batch = { emails: [anEmail(), anEmail({ attachments }), anEmail()] };
  expect((await service.call('POST', `${emails}/batch`, batch)).status).toBe(503);
  expect((await service.call('PATCH', `${emails}/${id}`, { attachments })).status).toBe(503);
  expect((await service.ok<{ emails: EmailBody[] }>('GET', emails)).emails.map((email) => email.id)).toEqual([id]);
  // What was not stored is needed by nobody, and does not count.
  await eventually(async () =>
    expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ contentBytes: 0 }),
  );
  expect((await service.call('POST', emails, anEmail())).status).toBe(202);
});
