// Kills workers at random under load and counts what became of the emails.
import { FULL } from '../fault';
import { serviceEnv, startProcess, type ServiceProcess } from './process';
import { setUpQueue, startService, type EmailBody, type Service } from '../service';
import { startSmtpServer, type SmtpServer } from '../smtp/smtp-server';
import { random } from '../random';
import { eventually } from '../wait';

const SIZE = FULL ? { emails: 10_000, kills: 20 } : { emails: 900, kills: 4 };
export const SEEDS = FULL ? [1, 2, 3, 4, 5] : [1];
const WORKERS = 3;
/** Recovery is a lock, a check and the quarantine of an intent; several kills may hit the same email. */
const SETTLED_MS = 150_000;

/** What one run found; `lost` is neither received nor waiting for a person. */
export interface KillRun extends Record<string, string | number> {
  lost: number;
  failed: number;
  uncertain: number;
  twice: number;
  atRisk: number;
  unrecorded: number;
}

const acceptAll = async (service: Service, emails: string): Promise<void> => {
  for (let from = 0; from < SIZE.emails; from += 450) {
    const count = Math.min(450, SIZE.emails - from);
    const lines = Array.from({ length: count }, (_, n) => ({ to: [`r${from + n}@example.org`] }));
    await service.ok('POST', `${emails}/batch`, { emails: lines, defaults: { subject: 'x', text: 'x' } });
  }
};

/** Kills one worker at a time, each after a random share of the emails came through, and starts another. */
const killAtRandom = async (
  smtp: SmtpServer,
  workers: ServiceProcess[],
  env: NodeJS.ProcessEnv,
  next: () => number,
): Promise<number> => {
  let atRisk = 0;
  for (let kill = 1; kill <= SIZE.kills; kill++) {
    await smtp.waitForMessages(Math.floor((SIZE.emails * 0.8 * (kill - next())) / SIZE.kills), 120_000);
    const index = Math.floor(next() * WORKERS);
    // At most so many can be in hand-over: each needs a connection.
    atRisk += smtp.open;
    await workers[index]?.end('SIGKILL');
    workers[index] = await startProcess('worker', env);
  }
  return atRisk;
};

/** All emails of a state, page by page. */
const listAll = async (service: Service, emails: string, query: string): Promise<EmailBody[]> => {
  const all: EmailBody[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const path: string = `${emails}?${query}&limit=200${cursor && `&cursor=${cursor}`}`;
    const page: { emails: EmailBody[]; nextCursor: string | null } = await service.ok('GET', path);
    all.push(...page.emails);
    cursor = page.nextCursor;
  }
  return all;
};

const toOf = (email: EmailBody): string => (email['to'] as string[])[0] ?? '';

const wasUncertain = async (service: Service, queue: string, emails: string, recipient: string): Promise<boolean> => {
  const [found] = await listAll(service, emails, `recipient=${recipient}`);
  const email = await service.email(queue, found?.id ?? '');
  return email.attempts.some(({ outcome }) => outcome === 'uncertain');
};

const count = async (
  service: Service,
  smtp: SmtpServer,
  queue: string,
  emails: string,
  atRisk: number,
): Promise<KillRun> => {
  const counts = await eventually(
    async () => {
      const status = await service.ok<{ counts: Record<string, number> }>('GET', `/v1/queues/${queue}`);
      const { sent = 0, uncertain = 0, failed = 0 } = status.counts;
      expect(sent + uncertain + failed).toBe(SIZE.emails);
      return { uncertain, failed };
    },
    { timeout: SETTLED_MS, every: 200 },
  );
  const received = new Map<string, number>();
  for (const { to } of smtp.messages) received.set(to[0] ?? '', (received.get(to[0] ?? '') ?? 0) + 1);
  const known = new Set([...received.keys(), ...(await listAll(service, emails, 'state=uncertain')).map(toOf)]);
  const twice = [...received].filter(([, times]) => times > 1).map(([recipient]) => recipient);
  const recorded = await Promise.all(twice.map((recipient) => wasUncertain(service, queue, emails, recipient)));
  return {
    lost: SIZE.emails - known.size,
    ...counts,
    twice: twice.length,
    atRisk,
    unrecorded: recorded.filter((one) => !one).length,
  };
};

/** One run: emails accepted, workers killed, everything settled, counted. */
export const killWorkers = async (seed: number, onUncertain: 'resend' | 'hold'): Promise<KillRun> => {
  const smtp = await startSmtpServer({ script: { dot: () => ({ delay: 15 }) } });
  const service = await startService({ workers: 0 });
  const env = serviceEnv(service.redis.url, service.dataDir);
  const workers: ServiceProcess[] = [];
  try {
    const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, {
      concurrency: 20,
      onUncertain,
      backoff: { delay: '200ms' },
    });
    for (let started = 0; started < WORKERS; started++) workers.push(await startProcess('worker', env));
    await acceptAll(service, emails);
    const atRisk = await killAtRandom(smtp, workers, env, random(seed));
    return {
      seed,
      policy: onUncertain,
      emails: SIZE.emails,
      kills: SIZE.kills,
      ...(await count(service, smtp, queue, emails, atRisk)),
    };
  } finally {
    await Promise.all(workers.map((worker) => worker.end('SIGKILL')));
    await service.close();
    await smtp.close();
  }
};
