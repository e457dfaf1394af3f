// Connections to Redis that break between a command and its reply: what was done is not done twice, nor forgotten.
import { FULL, showTable } from '../../support/fault';
import { serviceEnv, startProcess, type ServiceProcess } from '../../support/processes/process';
import { OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { startProxy, type TcpProxy } from '../../support/redis/tcp-proxy';
import { eventually } from '../../support/wait';

const SIZE = FULL ? { emails: 5_000, cuts: 500 } : { emails: 300, cuts: 20 };
/** A reply that took an email along costs a lock and a look at the queue. */
const SETTLED_MS = 60_000;

let service: Service;
let smtp: SmtpServer;
/** Before Redis as the API sees it, and as the workers see it. */
let toApi: TcpProxy;
let toWorkers: TcpProxy;
let api: ServiceProcess;

beforeAll(async () => {
  smtp = await startSmtpServer();
  service = await startService({ workers: 0, worker: { concurrency: 10 } });
  const redis = { host: '127.0.0.1', port: service.redis.port };
  [toApi, toWorkers] = await Promise.all([startProxy(redis), startProxy(redis)]);
  const through = ({ host, port }: TcpProxy): string => `redis://:${service.redis.password}@${host}:${port}/0`;
  api = await startProcess('api', serviceEnv(through(toApi), service.dataDir));
  await service.addWorker({ redisUrl: through(toWorkers) });
  await service.addWorker({ redisUrl: through(toWorkers) });
});
afterAll(async () => {
  await api.end('SIGKILL');
  await service.close();
  await Promise.all([toApi.close(), toWorkers.close()]);
  await smtp.close();
});

const cut = { adds: 0, completions: 0 };

/** Up to its number, about every third of the moments. */
const cutNow = (what: keyof typeof cut): boolean => {
  if (cut[what] >= SIZE.cuts || Math.random() > 1 / 3) return false;
  cut[what]++;
  return true;
};

const breakConnections = (): void => {
  // Announced and added leave together, and both are answered by a number: with the second one the email is there.
  let [adding, numbers] = [false, 0];
  toApi.onRequest = (chunk) => {
    adding ||= chunk.includes('"domain":"');
    return 'pass';
  };
  toApi.onReply = (chunk) => {
    if (!adding) return 'pass';
    numbers += chunk.toString('latin1').match(/:\d+\r\n/g)?.length ?? 0;
    if (numbers < 2) return 'pass';
    [adding, numbers] = [false, 0];
    return cutNow('adds') ? 'cut' : 'pass';
  };
  let completing = false;
  toWorkers.onRequest = (chunk) => {
    completing ||= chunk.includes('\r\ncompleted\r\n');
    return 'pass';
  };
  // A completion is answered by 1.
  toWorkers.onReply = (chunk) => {
    if (!completing || !chunk.includes(':1\r\n')) return 'pass';
    completing = false;
    return cutNow('completions') ? 'cut' : 'pass';
  };
};

const answers = { 202: 0, 503: 0, replayed: 0 };

/** Repeats with the same key until it is accepted. @returns the id */
const insist = async (emails: string, n: number): Promise<string> => {
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${api.port}${emails}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${OPERATOR_KEY}`,
        'content-type': 'application/json',
        'idempotency-key': `key-${n}`,
      },
      body: JSON.stringify({ to: [`r${n}@example.org`], subject: 'x', text: 'x' }),
    });
    const body = (await response.json()) as EmailBody;
    expect([202, 503]).toContain(response.status);
    answers[response.status as 202 | 503]++;
    if (response.status !== 202) continue;
    if (response.headers.has('idempotency-replayed')) answers.replayed++;
    return body.id;
  }
};

const emailsTo = async (path: string, recipient: string): Promise<EmailBody[]> =>
  (await service.ok<{ emails: EmailBody[] }>('GET', `${path}?recipient=${recipient}`)).emails;

test(
  'lost-replies: each email accepted once, each sent once, each attempt remembered',
  async () => {
    const settings = { concurrency: 10, backoff: { delay: '200ms' } };
    const kept = await setUpQueue(service, 'acme/kept', smtp.port, settings);
    const erased = await setUpQueue(service, 'acme/erased', smtp.port, { ...settings, history: { keep: false } });
    breakConnections();
    const ids = new Map<string, string>();
    let next = 0;
    const client = async (): Promise<void> => {
      for (let n = next++; n < SIZE.emails; n = next++)
        ids.set(`r${n}@example.org`, await insist((n % 4 === 0 ? erased : kept).emails, n));
    };
    await Promise.all(Array.from({ length: 8 }, client));
    const keptEmails = SIZE.emails - Math.ceil(SIZE.emails / 4);
    await eventually(
      async () => {
        expect(await service.ok('GET', `/v1/queues/${kept.queue}`)).toMatchObject({ counts: { sent: keptEmails } });
        const { counts } = await service.ok<{ counts: Record<string, number> }>('GET', `/v1/queues/${erased.queue}`);
        expect(Object.values(counts).filter((count) => count > 0)).toEqual([]);
      },
      { timeout: SETTLED_MS, every: 100 },
    );

    const received = smtp.messages.map(({ to }) => to[0] ?? '');
    let double = 0;
    let forgotten = 0;
    let twice = 0;
    let unrecorded = 0;
    for (const [recipient, id] of ids) {
      const times = received.filter((address) => address === recipient).length;
      const found = await emailsTo(kept.emails, recipient);
      if (found.length > 1 || (found[0] !== undefined && found[0].id !== id)) double++;
      const attempts = found[0] === undefined ? [] : (await service.email(kept.queue, id)).attempts;
      if (found[0] !== undefined && !attempts.some(({ outcome }) => outcome === 'sent')) forgotten++;
      if (times > 1) twice++;
      // An email that leaves no history cannot prove that its twin was known: it must not have one.
      if (times > 1 && !attempts.some(({ outcome }) => outcome === 'uncertain')) unrecorded++;
    }
    const row = {
      emails: SIZE.emails,
      'adds cut': cut.adds,
      'completions cut': cut.completions,
      503: answers[503],
      replayed: answers.replayed,
      received: received.length,
      lost: SIZE.emails - new Set(received).size,
      'accepted twice': double,
      twice,
      'twice unrecorded': unrecorded,
      'attempts forgotten': forgotten,
    };
    showTable('lost-replies', [row]);
    expect(row).toMatchObject({ lost: 0, 'accepted twice': 0, 'twice unrecorded': 0, 'attempts forgotten': 0 });
    expect(cut.adds).toBeGreaterThan(0);
    expect(cut.completions).toBeGreaterThan(0);
  },
  FULL ? 3_600_000 : 100_000,
);
