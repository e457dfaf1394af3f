// Tenant B: sends one email at a time, asks how it is once every 100 ms, and wants each delivered once.
import { Client } from 'undici';
import type { Sink } from '../../../bench/support/sink-client';

const ASK_MS = 100;
/** An email that is not sent by then is left to itself; at the end each must have arrived. ms */
const PATIENCE_MS = 10_000;

export interface Latencies {
  /** From the request to its answer, ms. */
  accept: number[];
  get: number[];
  /** From the request until B's server has taken it, ms. */
  delivery: number[];
}

export interface Neighbour {
  /** Sends until `until` is over. @returns how long it took; the delivery of those that have not arrived is not in it */
  send(until: () => boolean): Promise<Latencies>;
  /** Recipients of emails that were accepted, each of its own. */
  accepted: Map<string, number>;
  /** Requests of B that were refused or not answered, by what was said. */
  refused: Record<string, number>;
  close(): Promise<void>;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** @param key of a sender of tenant b, which has the queue `app` */
export const createNeighbour = (port: number, key: string, sink: Sink): Neighbour => {
  const client = new Client(`http://127.0.0.1:${port}`);
  const accepted = new Map<string, number>();
  const refused: Record<string, number> = {};
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  let count = 0;

  const ask = async (
    method: 'GET' | 'POST',
    path: string,
    times: number[],
    body?: string,
  ): Promise<Record<string, unknown> | undefined> => {
    const begun = performance.now();
    try {
      const answer = await client.request({
        method,
        path: `/v1/queues/b/app/emails${path}`,
        headers,
        body: body ?? null,
      });
      const text = await answer.body.text();
      times.push(performance.now() - begun);
      if (answer.statusCode < 300) return JSON.parse(text) as Record<string, unknown>;
      refused[answer.statusCode] = (refused[answer.statusCode] ?? 0) + 1;
    } catch (error) {
      const said = (error as { code?: string }).code ?? String(error);
      refused[said] = (refused[said] ?? 0) + 1;
    }
    return undefined;
  };

  const sendOne = async (times: Latencies): Promise<void> => {
    const to = `b-${count++}@b.example`;
    const begun = Date.now();
    const email = await ask('POST', '', times.accept, JSON.stringify({ to: [to], subject: 'Hello', text: 'Hello' }));
    if (email === undefined) return pause(ASK_MS);
    accepted.set(to, begun);
    while (Date.now() - begun < PATIENCE_MS) {
      await pause(ASK_MS);
      if ((await ask('GET', `/${String(email['id'])}`, times.get))?.['state'] === 'sent') return;
    }
  };

  return {
    accepted,
    refused,
    async send(until) {
      const times: Latencies = { accept: [], get: [], delivery: [] };
      const from = count;
      while (!until()) await sendOne(times);
      const taken = await sink.taken();
      taken.recipients.forEach((recipient, n) => {
        const nth = Number(/^b-(\d+)@/.exec(recipient)?.[1]);
        if (nth >= from) times.delivery.push((taken.times[n] ?? 0) - (accepted.get(recipient) ?? 0));
      });
      return times;
    },
    close: () => client.destroy(),
  };
};
