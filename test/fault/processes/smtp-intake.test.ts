// Mail by SMTP where something breaks: an answer that is lost, a Redis that is gone, a connection cut, a stop in the middle.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startRedis } from '../../../dev/redis';
import { listAll } from '../../support/emails';
import { JOURNALED } from '../../support/redis/redis-journal';
import { setUpQueue, startService, type Service } from '../../support/service';
import { SmtpDialogue } from '../../support/smtp/smtp-dialogue';
import { issueKey, QUEUED, startSubmission, type Submission } from '../../support/smtp/submission';
import { eventually } from '../../support/wait';

const EMAILS = '/v1/queues/acme/app/emails';

let service: Service;
let door: Submission;
let key: string;

beforeAll(async () => {
  service = await startService({ workers: 0, plainRedis: true });
  await setUpQueue(service, 'acme/app', 1);
  key = await issueKey(service);
  door = await startSubmission(service);
});
afterAll(async () => {
  await door.end('SIGTERM');
  await service.close();
});

const message = (head: string[], body = 'Hello\r\n'): string =>
  [...head, 'From: app@acme.example', 'To: ann@example.org', '', `${body}.`, ''].join('\r\n');
const submit = async (text: string, to = ['ann@example.org', 'bob@example.org']): Promise<string> => {
  const client = await SmtpDialogue.open(door.port);
  await client.begin(key, to);
  const reply = await client.data(text);
  client.cut();
  return QUEUED.exec(reply)?.[1] ?? reply;
};
const count = async (): Promise<number> => (await listAll(service, EMAILS)).length;

test('whoever lost the answer and sends again gets the same id, and there is one email', async () => {
  const before = await count();
  const text = message(['Message-ID: <once@acme.example>']);
  const client = await SmtpDialogue.open(door.port);
  await client.begin(key, ['ann@example.org', 'bob@example.org']);
  expect(await client.say('DATA')).toMatch(/^354/);
  client.write(text);
  client.cut();
  await eventually(async () => expect(await count()).toBe(before + 1));
  const [first] = await listAll(service, EMAILS);
  // Recipients in another order, and a relay's own line on top: the same message.
  expect(await submit(text, ['bob@example.org', 'ann@example.org'])).toBe(first?.id);
  expect(await submit(`Received: from a by b;\r\n Sat, 28 Nov 2026 22:00:00 +0000\r\n${text}`)).toBe(first?.id);
  expect(door.log.join()).toContain('asked for again: accepted before');
  // Fifty at once are one, too.
  const again = message(['Message-ID: <fifty@acme.example>']);
  const ids = new Set(await Promise.all(Array.from({ length: 50 }, () => submit(again))));
  expect(ids.size).toBe(1);
  expect(await count()).toBe(before + 2);
});

test('another recipient, another word, or nothing that names a message make another email', async () => {
  const before = await count();
  const head = ['Message-ID: <other@acme.example>'];
  const ids = [
    await submit(message(head)),
    await submit(message(head), ['ann@example.org']),
    await submit(message(head, 'Hello you\r\n')),
    await submit(message([])),
    await submit(message([])),
  ];
  expect(new Set(ids).size).toBe(5);
  const dated = message(['Date: Sat, 28 Nov 2026 22:00:00 +0000']);
  expect(await submit(dated)).toBe(await submit(dated));
  expect(await count()).toBe(before + 6);
});

test('a connection that breaks in the middle of a message leaves nothing', async () => {
  const before = await count();
  const client = await SmtpDialogue.open(door.port);
  await client.begin(key, ['ann@example.org']);
  await client.say('DATA');
  client.write(message(['Message-ID: <half@acme.example>'], `${'x'.repeat(70)}\r\n`.repeat(5_000)).slice(0, -5));
  await eventually(async () => expect(await readdir(join(service.dataDir, 'spool'))).not.toEqual([]));
  client.cut();
  await eventually(async () => expect(await readdir(join(service.dataDir, 'spool'))).toEqual([]));
  expect(await count()).toBe(before);
});

test('without Redis a message is refused for now, and nothing of it is there afterwards', async () => {
  const before = await count();
  const client = await SmtpDialogue.open(door.port);
  await client.begin(key, ['ann@example.org']);
  expect(await client.say('DATA')).toMatch(/^354/);
  await service.redis.stop();
  client.write(message(['Message-ID: <away@acme.example>']));
  expect(await client.reply()).toMatch(/^451 4\.3\.0 /);
  expect(await client.say('MAIL FROM:<app@acme.example>')).toMatch(/^451 4\.3\.0 /);
  const stranger = await SmtpDialogue.open(door.port);
  await stranger.say('EHLO x');
  expect(await stranger.login('x', 'rp_0123456789ab_never-seen')).toMatch(/^(454 4\.7\.0|535)/);
  stranger.cut();
  service.redis = await startRedis({ dataDir: service.dataDir, extra: JOURNALED });
  const again = await eventually(async () => {
    const reply = await client.say('MAIL FROM:<app@acme.example>');
    if (!reply.startsWith('250')) throw new Error(reply);
    await client.say('RCPT TO:<ann@example.org>');
    return client.data(message(['Message-ID: <away@acme.example>']));
  });
  expect(again).toMatch(QUEUED);
  client.cut();
  await eventually(async () => expect(await count()).toBe(before + 1));
});

test('a stop lets transactions that are under way end, and tells everybody else to come back', async () => {
  const [busy, idle] = [await SmtpDialogue.open(door.port), await SmtpDialogue.open(door.port)];
  await busy.begin(key, ['ann@example.org']);
  await busy.say('DATA');
  const ended = door.end('SIGTERM');
  expect(await idle.reply()).toMatch(/^421 4\.3\.2 /);
  expect(await idle.reply()).toBe('closed');
  busy.write(message(['Message-ID: <last@acme.example>']));
  expect(await busy.reply()).toMatch(QUEUED);
  expect(await busy.reply()).toMatch(/^421 4\.3\.2 /);
  expect(await ended).toBe(0);
  door = await startSubmission(service);
});
