// A failover to a replica that lagged: with ROHRPOST_DURABILITY=replica nothing that was accepted is lost, and nobody is silently written to twice.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RedisServer } from '../../../dev/redis';
import { FULL, showTable } from '../../support/fault';
import { serviceEnv, startProcess, type ServiceProcess } from '../../support/processes/process';
import { startProxy, type TcpProxy } from '../../support/redis/tcp-proxy';
import { startTestRedis } from '../../support/redis/test-redis';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

const CLIENTS = 8;
const BEFORE = FULL ? 2_000 : 100;
/** How long the replica hears nothing before the primary dies, ms: longer than anybody waits for it. */
const LAG_MS = FULL ? 10_000 : 3_000;

let smtp: SmtpServer;
let service: Service;
let folders: string[];
const replicas: RedisServer[] = [];
const proxies: TcpProxy[] = [];
const processes: ServiceProcess[] = [];

beforeEach(async () => {
  folders = [];
  smtp = await startSmtpServer({ script: { dot: () => ({ delay: 5 }) } });
  service = await startService({ plainRedis: true, workers: 0 });
});
afterEach(async () => {
  await Promise.all(processes.splice(0).map((one) => one.end('SIGKILL')));
  for (const proxy of proxies.splice(0)) await proxy.close();
  await service.close();
  for (const replica of replicas.splice(0)) await replica.kill('SIGKILL');
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
  await smtp.close();
});

const ask = async (server: RedisServer, ...words: string[]): Promise<unknown> => {
  const redis = await server.connect();
  try {
    return await redis.call(words[0] ?? '', ...words.slice(1));
  } finally {
    redis.disconnect();
  }
};

const proxyTo = async (port: number): Promise<{ proxy: TcpProxy; upstream: { host: string; port: number } }> => {
  const upstream = { host: '127.0.0.1', port };
  const proxy = await startProxy(upstream);
  proxies.push(proxy);
  return { proxy, upstream };
};

/** A replica of what answers at the port, which takes the password of the primary, too. */
const startReplica = async (port: number): Promise<RedisServer> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'rohrpost-replica-'));
  folders.push(dataDir);
  const server = await startTestRedis({ dataDir, plain: true });
  replicas.push(server);
  await ask(server, 'CONFIG', 'SET', 'masterauth', service.redis.password);
  await ask(server, 'ACL', 'SETUSER', 'default', `>${service.redis.password}`);
  await ask(server, 'REPLICAOF', '127.0.0.1', String(port));
  await eventually(async () => expect(await ask(server, 'INFO', 'replication')).toMatch(/master_link_status:up/));
  return server;
};

interface Load {
  accepted: Map<string, string>;
  refused: Map<string, number>;
  stop: () => Promise<void>;
}

const postOne = async (api: ServiceProcess, n: number): Promise<{ status: number; code?: string; id?: string }> => {
  const response = await fetch(`http://127.0.0.1:${api.port}/v1/queues/acme/app/emails`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${OPERATOR_KEY}`,
      'content-type': 'application/json',
      'idempotency-key': `k${n}`,
    },
    body: JSON.stringify(anEmail({ to: [`r${n}@example.org`] })),
  });
  return { status: response.status, ...((await response.json()) as { code?: string; id?: string }) };
};

/** Clients that repeat each email, under its key, until it is accepted. */
const startLoad = (api: ServiceProcess): Load => {
  const [accepted, refused] = [new Map<string, string>(), new Map<string, number>()];
  let asked = 0;
  let stopping = false;
  const client = async (): Promise<void> => {
    while (!stopping) {
      const n = asked++;
      for (;;) {
        const { status, id = '', code = '' } = await postOne(api, n);
        if (status === 202) accepted.set(`r${n}@example.org`, id);
        if (status === 202) break;
        expect(status).toBe(503);
        refused.set(code, (refused.get(code) ?? 0) + 1);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  };
  const clients = Promise.all(Array.from({ length: CLIENTS }, client));
  return {
    accepted,
    refused,
    stop() {
      stopping = true;
      return clients.then(() => undefined);
    },
  };
};

test('failover to a replica that lagged: 0 lost, 0 silent twins', async () => {
  await setUpQueue(service, 'acme/app', smtp.port, { onUncertain: 'hold' });
  const replication = await proxyTo(service.redis.port);
  const heir = await startReplica(replication.proxy.port);
  // The heir has a replica of its own, so that there is one to wait for afterwards.
  await startReplica(heir.port);
  const front = await proxyTo(service.redis.port);
  const url = service.redis.url.replace(`:${service.redis.port}`, `:${front.proxy.port}`);
  const env = { ...serviceEnv(url, service.dataDir), ROHRPOST_DURABILITY: 'replica', ROHRPOST_STOP_DELAY: '1ms' };
  const api = await startProcess('api', env);
  processes.push(api, await startProcess('worker', env));
  const load = startLoad(api);
  await eventually(() => expect(load.accepted.size).toBeGreaterThan(BEFORE), { timeout: 60_000 });

  replication.proxy.freeze();
  await eventually(() => expect(load.refused.get('not-durable')).toBeGreaterThanOrEqual(CLIENTS), { timeout: 10_000 });
  const [acceptedThen, receivedThen] = [load.accepted.size, smtp.messages.length];
  await new Promise((resolve) => setTimeout(resolve, LAG_MS));
  // No byte of a message leaves and no email is accepted that the replica has not heard of.
  expect([load.accepted.size, smtp.messages.length]).toEqual([acceptedThen, receivedThen]);

  await service.redis.kill('SIGKILL');
  await replication.proxy.close();
  await ask(heir, 'REPLICAOF', 'NO', 'ONE');
  front.upstream.port = heir.port;
  front.proxy.cut();
  await eventually(() => expect(load.accepted.size).toBeGreaterThan(acceptedThen + BEFORE / 2), { timeout: 60_000 });
  await load.stop();

  const stateOf = async (id: string): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${api.port}/v1/queues/acme/app/emails/${id}`, {
      headers: { authorization: `Bearer ${OPERATOR_KEY}` },
    });
    return ((await response.json()) as { state?: string }).state ?? `${response.status}`;
  };
  const ended = new Map<string, string>();
  await eventually(
    async () => {
      for (const [recipient, id] of load.accepted)
        if (!ended.has(recipient)) {
          const state = await stateOf(id);
          if (state === 'sent' || state === 'uncertain') ended.set(recipient, state);
        }
      expect(ended.size).toBe(load.accepted.size);
    },
    { timeout: 90_000 },
  );
  const received = smtp.messages.map(({ to }) => to[0] ?? '');
  const lost = [...ended].filter(([recipient, state]) => state === 'sent' && !received.includes(recipient));
  const twins = received.length - new Set(received).size;
  showTable('failover-lag', [
    {
      accepted: load.accepted.size,
      'refused as not durable': load.refused.get('not-durable') ?? 0,
      received: received.length,
      uncertain: [...ended.values()].filter((state) => state === 'uncertain').length,
      lost: lost.length,
      twins,
    },
  ]);
  expect(lost).toEqual([]);
  expect(twins).toBe(0);
});
