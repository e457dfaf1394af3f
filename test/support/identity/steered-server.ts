// A server in a process of its own, written as an ES module, that is told what to do and asked what it has seen.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface SteeredServer {
  url: string;
  ask: <T>(order: string, given?: unknown) => Promise<T>;
  close: () => Promise<void>;
}

/** @param file beside this one; it says `ready` and answers orders @param given what it is started with */
export const startSteered = async (file: string, given: object): Promise<SteeredServer> => {
  const child = fork(join(__dirname, file), [JSON.stringify(given)], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { PATH: process.env['PATH'], NODE_NO_WARNINGS: '1' },
  });
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  let last = 0;
  const [{ ready: url }] = (await once(child, 'message')) as [{ ready: string }];
  child.on('message', ({ id, result, error }: { id: number; result?: unknown; error?: string }) => {
    const asker = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) asker?.resolve(result);
    else asker?.reject(new Error(error));
  });
  return {
    url,
    ask: (order, given = {}) =>
      new Promise((resolve, reject) => {
        waiting.set(++last, { resolve: resolve as (result: unknown) => void, reject });
        child.send({ id: last, order, given });
      }),
    async close() {
      const exit = once(child, 'exit');
      child.disconnect();
      await exit;
    },
  };
};
