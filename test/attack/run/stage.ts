// Where the attack happens: the service as it is shipped, tenant A with servers of several kinds, tenant B with one that is quick.
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { openLab, ROOT, setUpTenant, type Lab } from '../../../bench/support/lab';
import { startChild, type Child } from '../../../bench/support/child';
import type { Sink } from '../../../bench/support/sink-client';
import { TEMPLATE } from '../../../bench/support/mail';
import { LOOP_TURNS } from '../../support/processes/loop-turns';
import { ROLES, type Role } from './requests';
import type { AttackTask } from './report';

/** Redis has this much: what an attack may fill is bounded by what there is. */
const REDIS_MEMORY = '1gb';
/** Redis does one command at a time: one that takes longer is told of. Microseconds */
const LONG_COMMAND_US = 20_000;
/** How long A's slow server takes for a message, ms. */
const SLOW_MS = 20_000;
/** A reply of A's talkative server, bytes. */
const LOUD_BYTES = 180_000;

export interface Stage {
  lab: Lab;
  /** `api`, `worker`, and `bare`, which does nothing. Each tells how long its turns are. */
  children: { api: Child; worker: Child; bare: Child };
  sinkOfB: Sink;
  keyOfB: string;
  keysOfA: Record<Role, string>;
  /** Sets A up again: an attack changes and removes what is its own. @returns keys that were revoked, made anew */
  mend(): Promise<Partial<Record<Role, string>>>;
  startAttacker(task: AttackTask): Promise<Child>;
  close(): Promise<void>;
}

const listen = (onSocket: (socket: Socket) => void): Promise<Server> =>
  new Promise((resolve) => {
    const server = createServer((socket) => void onSocket(socket.on('error', () => undefined)));
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
const portOf = (server: Server): number => (server.address() as AddressInfo).port;

/** Refuses every recipient for now, in very many words. */
const talk = (socket: Socket): void => {
  const words = `450-${'x'.repeat(500)}\r\n`.repeat(LOUD_BYTES / 500) + '450 later\r\n';
  socket.write('220 loud\r\n');
  socket.on('data', (chunk) => socket.write(/^(EHLO|HELO)/i.test(chunk.toString('latin1')) ? '250 loud\r\n' : words));
};

const startBare = (logFile: string): Promise<Child> =>
  startChild({ file: join(__dirname, 'bare.mjs'), execArgv: ['--import', pathToFileURL(LOOP_TURNS).href], logFile });

const setUpA = async (lab: Lab, api: Child, ports: Record<string, number>): Promise<void> => {
  await setUpTenant(lab, api, 'a', ports['default'] ?? 0, TEMPLATE);
  const settings = { from: 'Sender <sender@a.example>', history: { keep: false }, maxWaiting: 5_000, enabled: true };
  await lab.call(api, 'PUT', '/tenants/a', settings);
  for (const [name, port] of Object.entries(ports))
    await lab.call(api, 'PUT', `/tenants/a/transports/${name}`, { host: '127.0.0.1', port, security: 'none' });
  await lab.call(api, 'PUT', '/queues/a/app', {});
  await lab.call(api, 'PUT', '/queues/a/slow', { transport: 'slow' });
  await lab.call(api, 'PUT', '/queues/a/loud', {
    transport: 'loud',
    log: 'dialogue',
    attempts: 1_000,
    backoff: { delay: '1ms' },
  });
  for (const queue of ['app', 'slow', 'loud']) await lab.call(api, 'POST', `/queues/a/${queue}/resume`, {});
};

const issue = async (lab: Lab, api: Child, role: string, tenant: string): Promise<string> =>
  (await lab.call<{ key: string }>(api, 'POST', '/keys', { role, tenant })).key;

/** @returns the roles whose key is refused, each with a new one */
const newKeys = async (lab: Lab, api: Child, keys: Record<Role, string>): Promise<Partial<Record<Role, string>>> => {
  const made: Partial<Record<Role, string>> = {};
  for (const role of ROLES) {
    const headers = { authorization: `Bearer ${keys[role]}` };
    const { status } = await fetch(`http://127.0.0.1:${api.hello.port}/v1/queues/a`, { headers });
    if (status === 401) made[role] = await issue(lab, api, role, 'a');
  }
  return made;
};

export const setTheStage = async (): Promise<Stage> => {
  const lab = await openLab(undefined);
  await lab.client.config('SET', 'maxmemory', REDIS_MEMORY);
  await lab.client.config('SET', 'slowlog-log-slower-than', LONG_COMMAND_US);
  const env = {
    ROHRPOST_GRACE: '2s',
    // As an operator who bounds nothing.
    ROHRPOST_MAX_ATTEMPTS: '1000',
    ROHRPOST_MIN_BACKOFF: '1ms',
    NODE_OPTIONS: `--import ${pathToFileURL(LOOP_TURNS).href}`,
  };
  const [api, worker, bare] = [
    await lab.start('api', env),
    await lab.start('worker', env),
    await startBare(join(lab.logs, 'bare.log')),
  ];
  const [ofA, slow, sinkOfB] = [await lab.sink(), await lab.sink({ delay: SLOW_MS }), await lab.sink()];
  const [silent, loud] = [await listen(() => undefined), await listen(talk)];
  const ports = { default: ofA.port, slow: slow.port, silent: portOf(silent), loud: portOf(loud) };
  await setUpA(lab, api, ports);
  await setUpTenant(lab, api, 'b', sinkOfB.port, TEMPLATE);
  await lab.call(api, 'PUT', '/queues/b/app', {});
  const keysOfA = {
    admin: await issue(lab, api, 'admin', 'a'),
    sender: await issue(lab, api, 'sender', 'a'),
    reader: await issue(lab, api, 'reader', 'a'),
  };
  let attackers: Child[] = [];
  return {
    lab,
    children: { api, worker, bare },
    sinkOfB,
    keyOfB: await issue(lab, api, 'sender', 'b'),
    keysOfA,
    async mend() {
      await setUpA(lab, api, ports);
      const made = await newKeys(lab, api, keysOfA);
      Object.assign(keysOfA, made);
      return made;
    },
    async startAttacker(task) {
      const file = join(ROOT, 'test/attack/run/attacker.ts');
      const started = await startChild({
        file,
        args: [JSON.stringify(task)],
        execArgv: ['--import', 'tsx'],
        logFile: join(lab.logs, 'attacker.log'),
      });
      attackers = [...attackers, started];
      return started;
    },
    async close() {
      await Promise.all([...attackers, bare].map((child) => child.end()));
      for (const server of [silent, loud]) server.close();
      await lab.close();
    },
  };
};
