// An API killed while it accepts: clients that repeat with their idempotency key get each email into the queue once.
import { listAll } from '../../support/emails';
import { FULL, showTable } from '../../support/fault';
import { serviceEnv, startProcess, type ServiceProcess } from '../../support/processes/process';
import { OPERATOR_KEY, setUpQueue, startService, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { deferred, eventually } from '../../support/wait';

const SIZE = FULL ? { requests: 4_000, kills: 100, clients: 32 } : { requests: 240, kills: 5, clients: 16 };
/**
 * Every fourth request is a batch of so many, every other one of them with a key of the whole instead of one for each line;
 * every third email has an attachment: each has more steps to die between.
 */
const BATCH = 7;

let service: Service;
let smtp: SmtpServer;
let api: ServiceProcess;

beforeAll(async () => {
  smtp = await startSmtpServer();
  service = await startService({ workers: 2 });
  api = await startProcess('api', serviceEnv(service.redis.url, service.dataDir));
});
afterAll(async () => {
  await api.end('SIGKILL');
  await service.close();
  await smtp.close();
});

const attachment = (n: number) => ({ filename: 'a.txt', content: Buffer.from(`file ${n}`).toString('base64') });

const anEmailTo = (n: string, index: number) => ({
  to: [`r${n}@example.org`],
  subject: 'x',
  text: 'x',
  ...(index % 3 === 0 && { attachments: [attachment(index)] }),
});

interface Order {
  path: string;
  headers: Record<string, string>;
  body: unknown;
  /** The emails that it asks for. */
  recipients: string[];
}

const orderOf = (index: number): Order => {
  if (index % 4 !== 0) {
    const email = anEmailTo(`${index}`, index);
    return { path: '', headers: { 'idempotency-key': `one-${index}` }, body: email, recipients: email.to };
  }
  const emails = Array.from({ length: BATCH }, (_, line) => ({
    ...anEmailTo(`${index}-${line}`, index + line),
    ...(index % 8 === 0 && { idempotencyKey: `line-${index}-${line}` }),
  }));
  const headers = { ...(index % 8 !== 0 && { 'idempotency-key': `batch-${index}` }) };
  return { path: '/batch', headers, body: { emails }, recipients: emails.flatMap(({ to }) => to) };
};

/** What clients saw while the API came and went. */
const seen = { lost: 0, unavailable: 0, replayed: 0 };
/** Settled when the API is there (again); clients that lost it wait here. */
let back = deferred<void>();
back.resolve();

/** Asks until it is accepted. @returns the ids that were answered */
const insist = async (emails: string, order: Order): Promise<string[]> => {
  for (;;) {
    await back.promise;
    const answer = await fetch(`http://127.0.0.1:${api.port}${emails}${order.path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${OPERATOR_KEY}`, 'content-type': 'application/json', ...order.headers },
      body: JSON.stringify(order.body),
    })
      .then(async (response) => ({ response, body: (await response.json()) as Record<string, unknown> }))
      .catch(() => undefined);
    if (answer === undefined) seen.lost++;
    else if (answer.response.status === 503) seen.unavailable++;
    else {
      expect(answer.response.status).toBe(202);
      const results = (answer.body['results'] ?? [answer.body]) as { id: string; replayed?: boolean }[];
      if (answer.response.headers.has('idempotency-replayed') || results.some(({ replayed }) => replayed))
        seen.replayed++;
      return results.map(({ id }) => id);
    }
  }
};

test(
  'crash-accept: each email is in the queue once, and at the SMTP server once',
  async () => {
    const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, { concurrency: 50 });
    const orders = Array.from({ length: SIZE.requests }, (_, index) => orderOf(index));
    const wanted = orders.flatMap(({ recipients }) => recipients);
    const answered: string[] = [];
    let next = 0;
    let accepted = 0;
    let killAt = deferred<void>();
    let killAfter = Infinity;

    const client = async (): Promise<void> => {
      for (let order = orders[next++]; order !== undefined; order = orders[next++]) {
        answered.push(...(await insist(emails, order)));
        if (++accepted >= killAfter) killAt.resolve();
      }
    };
    const killer = async (): Promise<void> => {
      for (let kill = 0; kill < SIZE.kills; kill++) {
        killAt = deferred<void>();
        // Somewhere in the kill's own share of the requests; all other clients are in the middle of something then.
        killAfter = Math.floor((SIZE.requests * 0.9 * (kill + Math.random())) / SIZE.kills);
        if (accepted >= killAfter) killAt.resolve();
        await killAt.promise;
        const gone = api.end('SIGKILL');
        back = deferred<void>();
        await gone;
        api = await startProcess('api', serviceEnv(service.redis.url, service.dataDir));
        back.resolve();
      }
    };
    await Promise.all([killer(), ...Array.from({ length: SIZE.clients }, client)]);

    await smtp.waitForMessages(wanted.length, 60_000);
    await eventually(
      async () =>
        expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({
          counts: { sent: wanted.length, failed: 0 },
        }),
      { timeout: 60_000 },
    );
    const listed = await listAll(service, emails);
    const received = smtp.messages.map(({ to }) => to[0] ?? '');
    const row = {
      kills: SIZE.kills,
      requests: SIZE.requests,
      'connections lost': seen.lost,
      503: seen.unavailable,
      replayed: seen.replayed,
      emails: wanted.length,
      'in the queue': listed.length,
      received: received.length,
      lost: wanted.filter((recipient) => !received.includes(recipient)).length,
      twice: received.length - new Set(received).size,
    };
    showTable('crash-accept', [row]);
    expect(row).toMatchObject({ 'in the queue': wanted.length, received: wanted.length, lost: 0, twice: 0 });
    // What a client was told is what is there: a repetition gets the first answer's id.
    expect(listed.map(({ id }) => id).sort()).toEqual(answered.sort());
    expect(seen.lost).toBeGreaterThan(0);
  },
  FULL ? 3_600_000 : 90_000,
);
