// The benchmark's side of the mail sink: what it has taken, and waiting until it has taken enough.
import type { Child } from './child';

export type SinkOrder = { ask: 'forget' } | { ask: 'expect'; count: number } | { ask: 'report' };
export type SinkAnswer = { forgotten: true } | { reached: number } | Taken;

/** Messages in the order of their arrival. */
export interface Taken {
  /** ms since 1970 */
  times: number[];
  /** The first recipient of each. */
  recipients: string[];
  /** Connections at once, at most. */
  mostOpen: number;
  /** Of all messages. */
  bytes: number;
}

export interface Sink {
  port: number;
  /** Begins anew. */
  forget(): Promise<void>;
  taken(): Promise<Taken>;
  /**
   * Waits until so many messages are there.
   * @throws where they do not come within the patience (ms), or where one came twice: then there is nothing to measure
   */
  wait(count: number, patience?: number): Promise<Taken>;
}

const PATIENCE_MS = 180_000;

export const openSink = ({ process: child, hello }: Child): Sink => {
  const ask = (order: SinkOrder, patience: number): Promise<SinkAnswer | undefined> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => {
        child.off('message', onAnswer);
        resolve(undefined);
      }, patience);
      const onAnswer = (answer: SinkAnswer): void => {
        clearTimeout(timer);
        resolve(answer);
      };
      child.once('message', onAnswer);
      child.send(order);
    });
  const taken = async (): Promise<Taken> => (await ask({ ask: 'report' }, 20_000)) as Taken;
  return {
    port: hello.port ?? 0,
    taken,
    forget: async () => void (await ask({ ask: 'forget' }, 20_000)),
    async wait(count, patience = PATIENCE_MS) {
      const reached = await ask({ ask: 'expect', count }, patience);
      const found = await taken();
      if (reached === undefined)
        throw new Error(`${found.times.length} of ${count} emails arrived within ${patience / 1_000} s`);
      const twice = found.recipients.length - new Set(found.recipients).size;
      if (twice > 0) throw new Error(`${twice} of ${count} emails arrived twice`);
      return found;
    },
  };
};
