// What do many queues cost that have little to do? Each gets one email, then all are idle.
import { setTimeout as pause } from 'node:timers/promises';
import { MOST_IDLE } from '../libs/send/smtp/connections';
import { KEYS } from '../libs/store/redis/keys';
import { eventually } from '../test/support/wait';
import type { Child } from './support/child';
import { setUpTenant, type Lab } from './support/lab';
import { load, times } from './support/load';
import { TEMPLATE, templated } from './support/mail';
import { bench } from './support/run';

const PER_TENANT = 100;
const MOST_IDLE_SHARE = 0.05;
/** A worker has so many places unless told otherwise: no more SMTP connections can be in use; others are kept warm. */
const LAYOUT = 50;
/** Each place may have one that is closing behind the one that it uses. */
const MOST_CONNECTIONS = 2 * LAYOUT + MOST_IDLE;

/** Connections of the workers to Redis now. */
const workerConnections = async ({ client }: Lab): Promise<number> =>
  String(await client.client('LIST')).match(/name=rohrpost:worker:/g)?.length ?? 0;

/** Watches until told to stop; the most connections there were at once. */
const watchConnections = (lab: Lab): (() => Promise<number>) => {
  let most = 0;
  let watching = true;
  const watched = (async () => {
    while (watching) {
      most = Math.max(most, await workerConnections(lab));
      await pause(100);
    }
  })();
  return async () => {
    watching = false;
    await watched;
    return most;
  };
};

/** The share of a core that a worker with nothing to do takes. */
const idleShare = async (lab: Lab, worker: Child, seconds: number): Promise<number> => {
  await eventually(
    async () => {
      if ((await lab.client.zcard(KEYS.due)) > 0) throw new Error('queues are still looked at');
    },
    { timeout: 120_000, every: 200 },
  );
  const [cpu, at] = [worker.cpu(), performance.now()];
  await pause(seconds * 1_000);
  return (worker.cpu() - cpu) / ((performance.now() - at) / 1_000);
};

/** Makes the tenants. @returns sends one email to each of so many queues, from a number on */
const openQueues = async (lab: Lab, api: Child, smtpPort: number, queues: number) => {
  const tenants = Math.ceil(queues / PER_TENANT);
  for (let t = 0; t < tenants; t++) await setUpTenant(lab, api, `t${t}`, smtpPort, TEMPLATE);
  const { key } = await lab.call<{ key: string }>(api, 'POST', '/keys', { role: 'operator' });
  return (from: number, count: number) =>
    load(
      api.hello.port ?? 0,
      16,
      (n) => ({
        method: 'POST',
        path: `/v1/queues/t${(from + n) % tenants}/app-${Math.floor((from + n) / tenants)}/emails`,
        key,
        body: JSON.stringify(templated(from + n)),
      }),
      times(count),
    );
};

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

bench(
  'many-queues: one email in each queue, 1 worker process, then idle; baseline: 1 queue',
  { quick: { queues: 1_000, idleSeconds: 5 }, usual: { queues: 10_000, idleSeconds: 15 } },
  async (lab, { queues, idleSeconds }) => {
    const [api, sink] = [await lab.start('api'), await lab.sink()];
    const send = await openQueues(lab, api, sink.port, queues);

    const worker = await lab.start('worker');
    await send(0, 1);
    await sink.wait(1);
    const [idleOne, connectionsOne] = [await idleShare(lab, worker, idleSeconds), await workerConnections(lab)];
    const stopWatching = watchConnections(lab);
    await send(1, queues - 1);
    const { times: sent, mostOpen } = await sink.wait(queues);
    const idle = await idleShare(lab, worker, idleSeconds);
    const connections = await stopWatching();
    return [
      {
        name: 'emails sent',
        ours: String(sent.length),
        baseline: '1',
        ratio: '',
        reach: String(queues),
        met: sent.length === queues,
      },
      {
        name: 'connections to Redis, at most',
        ours: String(connections),
        baseline: String(connectionsOne),
        ratio: '',
        reach: 'the same',
        met: connections <= connectionsOne,
      },
      {
        name: 'to the server, at most',
        ours: String(mostOpen),
        baseline: '1',
        ratio: '',
        reach: `<= ${MOST_CONNECTIONS}`,
        met: mostOpen <= MOST_CONNECTIONS,
      },
      {
        name: 'idle, of a core',
        ours: percent(idle),
        baseline: percent(idleOne),
        ratio: '',
        reach: `<= ${percent(MOST_IDLE_SHARE)}`,
        met: idle <= MOST_IDLE_SHARE,
      },
    ];
  },
);
