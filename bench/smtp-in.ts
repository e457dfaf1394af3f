// How fast is mail taken by SMTP? Beside Postfix, which takes the same messages and keeps them in its own queue.
import { once } from 'node:events';
import { freePort } from '../dev/ports';
import { startPostfix } from '../test/support/smtp/postfix';
import type { SendTask } from './processes/bare-sender';
import { interleave, ratioOf, shown } from './support/figures';
import { setUpTenant, type Lab } from './support/lab';
import { TEMPLATE } from './support/mail';
import { bench, type Row } from './support/run';

interface Size {
  rounds: number;
  messages: number;
}

const CONNECTIONS = 32;

/** Messages per second, from the start of the clients to the answer to the last. */
const sendAll = async (lab: Lab, task: Omit<SendTask, 'connections' | 'templated'>): Promise<number> => {
  const sender = await lab.startOwn('bare-sender', { ...task, connections: CONNECTIONS, templated: false });
  const begun = performance.now();
  sender.process.send('go');
  const [code] = (await once(sender.process, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`a message was refused: ${lab.logs}/bare-sender.log`);
  return (task.count * 1_000) / (performance.now() - begun);
};

bench<Size>(
  'smtp-in: messages over 32 connections, each answered when it is safe; baseline: Postfix, into its queue and a mailbox',
  { quick: { rounds: 1, messages: 1_000 }, usual: { rounds: 4, messages: 4_000 } },
  async (lab, { rounds, messages }): Promise<Row[]> => {
    const [port, postfix] = [await freePort(), await startPostfix()];
    try {
      const [api, smtp] = [await lab.start('api'), await lab.start('smtp', { ROHRPOST_SMTP_PORT: String(port) })];
      await setUpTenant(lab, api, 'acme', 1, TEMPLATE);
      const input = { role: 'sender', tenant: 'acme', application: 'app' };
      const { key: pass } = await lab.call<{ key: string }>(api, 'POST', '/keys', input);
      const cpu: number[] = [];
      const ours = async (): Promise<number> => {
        const before = smtp.cpu();
        const rate = await sendAll(lab, { port, count: messages, auth: { user: 'bench', pass } });
        cpu.push(((smtp.cpu() - before) * 1_000) / messages);
        return rate;
      };
      const found = await interleave(rounds, ours, () => sendAll(lab, { port: postfix.port, count: messages }));
      const { counts } = await lab.call<{ counts: { queued: number } }>(api, 'GET', '/queues/acme/app');
      if (counts.queued !== rounds * messages) throw new Error(`${counts.queued} messages are there`);
      return [
        {
          name: 'messages taken',
          ours: shown(found.ours, '/s'),
          baseline: shown(found.baseline, '/s'),
          ratio: ratioOf(found.ours, found.baseline).toFixed(2),
          reach: '',
        },
        { name: 'CPU of the process, a message', ours: shown(cpu, ' ms'), baseline: '', ratio: '', reach: '' },
      ];
    } finally {
      await postfix.stop();
    }
  },
);
