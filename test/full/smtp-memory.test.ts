// Many clients hand in large messages by SMTP at once: all are taken, and memory does not grow with them.
import { readFileSync } from 'node:fs';
import { setUpQueue, startService, type Service } from '../support/service';
import { SmtpDialogue } from '../support/smtp/smtp-dialogue';
import { issueKey, QUEUED, startSubmission, type Submission } from '../support/smtp/submission';

const CLIENTS = 64;
const SIZE = 12 * 1024 * 1024;
const BODY = `${'x'.repeat(70)}\r\n`.repeat(SIZE / 72);

let service: Service;
let door: Submission;
let key: string;

beforeAll(async () => {
  service = await startService({ workers: 0 });
  await setUpQueue(service, 'acme/app', 1);
  key = await issueKey(service);
  door = await startSubmission(service, { ROHRPOST_MAX_BODY: String(SIZE + 1_024) });
});
afterAll(async () => {
  await door.end('SIGTERM');
  await service.close();
});

const submit = async (n: number): Promise<string> => {
  const client = await SmtpDialogue.open(door.port);
  await client.begin(key, ['ann@example.org']);
  const head = `Message-ID: <${n}@acme.example>\r\nFrom: app@acme.example\r\n\r\n`;
  const reply = await client.data(`${head}${BODY}.\r\n`);
  client.cut();
  return QUEUED.exec(reply)?.[1] ?? reply;
};
/** The most that it ever had, in bytes. */
const memory = (): number =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${door.child.pid}/status`, 'utf8'))?.[1]) * 1_024;

test(`${CLIENTS} clients with ${SIZE / 1024 / 1024} MiB each`, async () => {
  const before = memory();
  const taken = await Promise.all(Array.from({ length: CLIENTS }, (_, n) => submit(n)));
  expect(taken.filter((id) => !id.startsWith('m_'))).toEqual([]);
  expect(new Set(taken).size).toBe(CLIENTS);
  // Two of the largest are in work, each several times; all of them together are out of reach.
  expect(memory() - before).toBeLessThan((CLIENTS * SIZE) / 4);
}, 240_000);
