// From the first submission until the last letter has left: beside the servers that one would relay through instead.
import { once } from 'node:events';
import { freePort } from '../dev/ports';
import { startPostfix, type Postfix } from '../test/support/smtp/postfix';
import type { SendTask } from './processes/bare-sender';
import { interleaveAll, ratioOf, shown } from './support/figures';
import { startHaraka } from './support/haraka';
import { setUpTenant, type Lab } from './support/lab';
import { load, times } from './support/load';
import { finished, TEMPLATE } from './support/mail';
import { bench, type Row } from './support/run';
import type { Sink } from './support/sink-client';

interface Size {
  rounds: number;
  letters: number;
}

/** Who submits, and connections to the sink; the same for all. */
const CLIENTS = 32;
const CONNECTIONS = 20;
const REACH = 2.5;

/** @returns letters per second, from before the first submission until the sink has the last */
const through = async (sink: Sink, letters: number, submit: () => Promise<unknown>): Promise<number> => {
  await sink.forget();
  const begun = Date.now();
  await Promise.all([submit(), sink.wait(letters)]);
  const { times: at } = await sink.taken();
  return (letters * 1_000) / (at.reduce((last, time) => Math.max(last, time), 0) - begun);
};

/** Hands the letters in by SMTP, from a process of its own. */
const bySmtp = async (lab: Lab, task: Omit<SendTask, 'connections' | 'templated'>): Promise<void> => {
  const sender = await lab.startOwn('bare-sender', { ...task, connections: CLIENTS, templated: false });
  sender.process.send('go');
  const [code] = (await once(sender.process, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`a letter was refused: ${lab.logs}/bare-sender.log`);
};

/** A relay that keeps what it takes in a queue of its own, on disk before it answers. */
const relayLines = (sink: Sink): string[] => [
  'virtual_mailbox_domains =',
  `relayhost = [127.0.0.1]:${sink.port}`,
  `default_destination_concurrency_limit = ${CONNECTIONS}`,
  `initial_destination_concurrency = ${CONNECTIONS}`,
];

/** Ours, by HTTP and by SMTP, with Redis writing to its disk as told. */
const startOurs = async (lab: Lab, sink: Sink, letters: number) => {
  const port = await freePort();
  const api = await lab.start('api');
  await lab.start('smtp', { ROHRPOST_SMTP_PORT: String(port) });
  await setUpTenant(lab, api, 'acme', sink.port, TEMPLATE);
  await lab.call(api, 'PUT', '/queues/acme/app', { concurrency: CONNECTIONS });
  const input = { role: 'sender', tenant: 'acme', application: 'app' };
  const { key } = await lab.call<{ key: string }>(api, 'POST', '/keys', input);
  await lab.start('worker');
  const ask = (n: number) => ({
    method: 'POST' as const,
    path: '/v1/queues/acme/app/emails',
    key,
    body: JSON.stringify(finished(n)),
  });
  const flushed = (how: 'everysec' | 'always') => lab.client.config('SET', 'appendfsync', how);
  return {
    async http(how: 'everysec' | 'always') {
      await flushed(how);
      return through(sink, letters, () => load(api.hello.port ?? 0, CLIENTS, ask, times(letters)));
    },
    async smtp(how: 'everysec' | 'always') {
      await flushed(how);
      return through(sink, letters, () => bySmtp(lab, { port, count: letters, auth: { user: 'bench', pass: key } }));
    },
  };
};

const rowOf = (name: string, ours: number[], postfix: number[], reach?: number): Row => {
  const ratio = ratioOf(ours, postfix);
  return {
    name,
    ours: shown(ours, '/s'),
    baseline: shown(postfix, '/s'),
    ratio: ratio.toFixed(2),
    reach: reach === undefined ? '' : `>= ${reach}`,
    ...(reach !== undefined && { met: ratio >= reach }),
  };
};

const measure = async (lab: Lab, sink: Sink, postfix: Postfix, { rounds, letters }: Size): Promise<Row[]> => {
  const [ours, haraka] = [await startOurs(lab, sink, letters), await startHaraka(sink.port, CONNECTIONS)];
  const relayed = (port: number) => through(sink, letters, () => bySmtp(lab, { port, count: letters }));
  try {
    const [base = [], everysec = [], always = [], smtp = [], peer = []] = await interleaveAll(rounds, [
      () => relayed(postfix.port),
      () => ours.http('everysec'),
      () => ours.http('always'),
      () => ours.smtp('everysec'),
      ...(haraka === undefined ? [] : [() => relayed(haraka.port)]),
    ]);
    return [
      rowOf('by HTTP, appendfsync everysec', everysec, base, REACH),
      rowOf('by HTTP, appendfsync always', always, base, REACH),
      rowOf('by SMTP, appendfsync everysec', smtp, base),
      haraka === undefined
        ? { name: 'Haraka: npm could not install it', ours: '', baseline: '', ratio: '', reach: '' }
        : rowOf('Haraka, in place of ours', peer, base),
    ];
  } finally {
    await haraka?.stop();
  }
};

bench<Size>(
  'through: plain letters by 32 clients, from the first submission until the last has left over 20 connections; baseline: Postfix as a relay',
  { quick: { rounds: 1, letters: 1_000 }, usual: { rounds: 3, letters: 8_000 } },
  async (lab, size) => {
    const sink = await lab.sink();
    const postfix = await startPostfix(relayLines(sink));
    try {
      return await measure(lab, sink, postfix, size);
    } finally {
      await postfix.stop();
    }
  },
);
