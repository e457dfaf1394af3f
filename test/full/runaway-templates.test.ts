// A hundred templates that never end, in a real worker: its threads end, and honest emails beside them are rendered in time.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { serviceEnv } from '../support/processes/process';
import { setUpQueue, startService, type EmailBody, type Service } from '../support/service';
import { startSmtpServer, type SmtpServer } from '../support/smtp/smtp-server';
import { threadsOf } from '../support/processes/threads';
import { untilState } from '../support/emails';
import { eventually } from '../support/wait';

let service: Service;
let smtp: SmtpServer;
let worker: ChildProcess;
let honest: string;

beforeAll(async () => {
  service = await startService({ workers: 0 });
  smtp = await startSmtpServer();
  ({ emails: honest } = await setUpQueue(service, 'honest/app', smtp.port));
  await service.ok('PUT', '/v1/tenants/honest/templates/hello', { subject: 'S', text: 'Hello <%= it.n %>' });
  const env = { ...serviceEnv(service.redis.url, service.dataDir), ROHRPOST_RENDER_THREADS: '3' };
  // As it is built: from its sources each thread would take seconds to start.
  worker = fork(join(__dirname, '../../dist/apps/worker/main.js'), {
    env,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  await once(worker, 'message');
});
afterAll(async () => {
  worker.kill('SIGTERM');
  await once(worker, 'exit');
  await service.close();
  await smtp.close();
});

const RUNAWAYS: Record<string, object> = {
  loop: { html: '<% for (;;); %>' },
  regex: { html: '<% /(a+)+b/.test("a".repeat(60)) %>' },
  styles: {
    html: `<style>p{<% for (let n = 0; n < 2000; n++) { %>--a<%= n %>:1;<% } %>}</style><%~ '<p></p>'.repeat(4000) %>`,
    inlineCss: true,
  },
};

const sendHonest = async (): Promise<number> => {
  const begun = performance.now();
  const { id } = await service.ok<EmailBody>('POST', honest, {
    to: 'ann@example.org',
    template: 'hello',
    data: { n: 1 },
  });
  await untilState(service, 'honest/app', id, 'sent', 20_000);
  return performance.now() - begun;
};

test('none of the threads is alive a second later, and honest emails were sent meanwhile', async () => {
  await sendHonest();
  const before = threadsOf(worker.pid ?? 0).size;
  const { emails } = await setUpQueue(service, 'hostile/app', smtp.port, { attempts: 1 });
  for (const [name, parts] of Object.entries(RUNAWAYS))
    await service.ok('PUT', `/v1/tenants/hostile/templates/${name}`, { subject: 'S', text: '-', ...parts });
  const names = Object.keys(RUNAWAYS);
  const bodies = Array.from({ length: 100 }, (_, n) => ({
    to: 'ann@example.org',
    template: names[n % names.length],
  }));
  const { results } = await service.ok<{ results: { id?: string }[] }>('POST', `${emails}/batch`, { emails: bodies });
  expect(results.filter(({ id }) => id !== undefined)).toHaveLength(100);
  const times = [];
  const isOver = async (): Promise<boolean> => {
    const { counts } = await service.ok<{ counts: Record<string, number> }>('GET', '/v1/queues/hostile/app');
    return counts['failed'] === 100;
  };
  while (!(await isOver())) times.push(await sendHonest());
  const median = [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? Infinity;
  expect(median).toBeLessThan(2_000);

  await eventually(
    async () => {
      const [first, from] = [threadsOf(worker.pid ?? 0), performance.now()];
      await new Promise((resolve) => setTimeout(resolve, 300));
      const ticks = (performance.now() - from) / 10;
      const second = threadsOf(worker.pid ?? 0);
      const busy = [...second].filter(([id, cpu]) => cpu - (first.get(id) ?? 0) > ticks / 2);
      expect(busy).toEqual([]);
      expect(second.size).toBeLessThanOrEqual(before + 3);
    },
    { timeout: 1_000 },
  );
}, 900_000);
