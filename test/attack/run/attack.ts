// Attacks the real service by tenant A while tenant B works, and watches: `npm run attack`; a short form in the tests.
import type { Child } from '../../../bench/support/child';
import { machine, printTable } from '../../../bench/support/run';
import { createNeighbour, type Neighbour } from './neighbour';
import { judge, type Evidence } from './judgement';
import { readErrors } from './logged';
import type { AttackerReport } from './report';
import { setTheStage, type Stage } from './stage';
import { watch } from './watch';

export interface AttackOptions {
  seconds: number;
  seed: number;
}

/** Requests at once. */
const CLIENTS = 16;
const MEND_MS = 5_000;
/** For what B has sent to arrive when the attack is over. ms */
const ARRIVAL_MS = 60_000;
/** For the attacker's last requests, ms. */
const LAST_MS = 10_000;

/** Adds what the attacker tells to what it has told, and sees to it that it has keys. */
const listen = (attacker: Child, sum: AttackerReport): void => {
  attacker.process.on('message', (told: Partial<AttackerReport>) => {
    for (const kind of ['statuses', 'unanswered'] as const)
      for (const [name, count] of Object.entries(told[kind] ?? {})) sum[kind][name] = (sum[kind][name] ?? 0) + count;
    sum.faults.push(...(told.faults ?? []));
    sum.slow.push(...(told.slow ?? []));
    sum.bytes += told.bytes ?? 0;
    sum.refusedKeys += told.refusedKeys ?? 0;
    if (told.ended) sum.ended = true;
  });
};

const until = async (done: () => boolean | Promise<boolean>, timeout: number): Promise<void> => {
  const end = Date.now() + timeout;
  while (Date.now() < end && !(await done())) await new Promise((resolve) => setTimeout(resolve, 100));
};

const arrived = async ({ sinkOfB }: Stage, { accepted }: Neighbour): Promise<string[]> => {
  const missing = async (): Promise<boolean> => {
    const there = new Set((await sinkOfB.taken()).recipients);
    return [...accepted.keys()].every((recipient) => there.has(recipient));
  };
  await until(missing, ARRIVAL_MS);
  return (await sinkOfB.taken()).recipients;
};

/** A is set up again and again while it destroys what is its own, at once where it has revoked its keys. @returns ends it */
const keepMending = (stage: Stage, attacker: Child, told: AttackerReport): (() => Promise<void>) => {
  let ending = false;
  const mending = (async () => {
    while (!ending) {
      const refused = told.refusedKeys;
      await until(() => ending || told.refusedKeys > refused, MEND_MS);
      const keys = await stage.mend().catch(() => ({}));
      if (attacker.process.connected) attacker.process.send({ keys });
    }
  })();
  return () => {
    ending = true;
    return mending;
  };
};

const gather = async (stage: Stage, { seconds, seed }: AttackOptions): Promise<Evidence> => {
  const { api } = stage.children;
  const b = createNeighbour(api.hello.port ?? 0, stage.keyOfB, stage.sinkOfB);
  const within = (ms: number): (() => boolean) => {
    const end = Date.now() + ms;
    return () => Date.now() > end;
  };
  await b.send(within(1_500));
  const alone = await b.send(within(Math.min(8_000, seconds * 150)));

  const told: AttackerReport = { statuses: {}, faults: [], slow: [], unanswered: {}, bytes: 0, refusedKeys: 0 };
  const attacker = await stage.startAttacker({
    port: api.hello.port ?? 0,
    seed,
    clients: CLIENTS,
    keys: stage.keysOfA,
  });
  listen(attacker, told);
  const watching = watch(stage.children);
  const mending = keepMending(stage, attacker, told);
  const beside = await b.send(within(seconds * 1_000));
  if (attacker.process.connected) attacker.process.send({ end: true });
  await until(() => told.ended === true || !attacker.process.connected, LAST_MS);
  const watched = await watching.end();
  await mending();
  const recipients = await arrived(stage, b);
  await b.close();
  const { accepted, refused } = b;
  const memory = await stage.lab.client.info('memory');
  const commands = (await stage.lab.client.slowlog('GET', 128)) as [number, number, number, string[]][];
  return {
    told,
    watched,
    alone,
    beside,
    ofB: { accepted: [...accepted.keys()], recipients, refused },
    ended: Object.entries(stage.children)
      .filter(([, { process: child }]) => child.exitCode !== null || child.signalCode !== null)
      .map(([name]) => name),
    errors: readErrors(stage.lab.logs),
    commands: commands.map(([, , micros, words]) => ({ ms: micros / 1_000, words: words.join(' ').slice(0, 200) })),
    redisBytes: Number(/^used_memory_peak:(\d+)/m.exec(memory)?.[1]),
  };
};

/**
 * Prints what happened as a table, and what was found.
 * @returns the promises that were broken, in words, none where all held; and what helps to mend them
 * @throws Error where there was nothing to judge by
 */
export const attack = async (options: AttackOptions): Promise<{ broken: string[]; notes: string[] }> => {
  const stage = await setTheStage();
  try {
    const evidence = await gather(stage, options);
    const { rows, broken, notes } = judge(evidence, options.seconds);
    process.stdout.write(
      `\nattack: tenant A against API and worker for ${options.seconds} s, seed ${options.seed}, while tenant B sends one email at a time; baseline: B alone, and a bare Node process beside them\n${machine(stage.lab.redis.version)}\n`,
    );
    printTable(rows);
    for (const note of notes) process.stdout.write(`${note}\n`);
    return { broken, notes };
  } finally {
    await stage.close();
  }
};
